// How far a job is, and the button that stops it.
import { Button, Progress } from 'antd';
import { useTranslation } from 'react-i18next';
import { newIdempotencyKey, request } from '../api/client';
import type { RecordData } from '../api/records';
import { isEmpty, textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import { useProblemText } from '../ui/ErrorState';
import { useToast } from '../ui/Toasts';
import { actionOf, isRunning, numberOf } from './job';
import styles from './Job.module.css';

export function Advance({ job }: { job: RecordData }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const toast = useToast();
  const problemText = useProblemText();
  const [done, total] = [numberOf(job, 'done'), numberOf(job, 'total')];
  const isFile = ['import', 'trial'].includes(actionOf(job));
  const percent = job['state'] === 'succeeded' ? 100 : total > 0 ? Math.floor((done / total) * 100) : 0;
  const status = job['state'] === 'failed' ? 'exception' : job['state'] === 'succeeded' ? 'success' : isRunning(job) ? 'active' : 'normal';
  const cancel = () =>
    request('POST', `/api/v1/jobs/${job.id}:cancel`, { idempotencyKey: newIdempotencyKey() }).catch((error: unknown) => toast({ kind: 'error', text: problemText(error) }));
  const advance = isFile ? t('job.bytes', { done: formats.bytes(done), total: formats.bytes(total) }) : t('job.rows', { count: done });
  return (
    <>
      <Progress percent={percent} status={status} showInfo={percent > 0} aria-label={t('job.progress')} />
      {isRunning(job) && (
        <p className={styles.note}>
          {advance} {t('job.mayLeave')}
        </p>
      )}
      {isRunning(job) && (
        <Button className={styles.cancel} onClick={() => void cancel()}>
          {t('job.cancel')}
        </Button>
      )}
      {!isEmpty(job['problem']) && <p role="alert" className={styles.problem}>{textOf(job['problem'])}</p>}
    </>
  );
}
