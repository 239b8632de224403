// What came of a job, and what can be done with it next.
import { DownloadOutlined } from '../ui/icons';
import { Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import type { RecordData } from '../api/records';
import { useSchema } from '../api/schema';
import { isEmpty, textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import { useInlineLabel } from '../i18n/i18n';
import { actionOf, collectionOf, isOverRows, isRunning, numberOf } from './job';
import styles from './Job.module.css';
import { Revert } from './Revert';
import { Undo } from './Undo';

// The figures that each kind of job has; those that may be nought are left out when they are.
const NUMBERS: Record<string, { always: string[]; seldom: string[] } | undefined> = {
  import: { always: ['created', 'refused'], seldom: ['updated', 'skipped'] },
  trial: { always: ['created', 'refused'], seldom: ['updated', 'skipped'] },
  export: { always: ['done'], seldom: [] },
  bulk: { always: ['updated', 'refused'], seldom: ['removed', 'skipped'] },
  revert: { always: ['removed', 'skipped'], seldom: ['updated', 'refused'] },
};
const ORDER = ['done', 'created', 'updated', 'removed', 'skipped', 'refused'];

export function Outcome({ job }: { job: RecordData }) {
  const { t } = useTranslation();
  const action = actionOf(job);
  const { always = [], seldom = [] } = NUMBERS[action] ?? {};
  const numbers = ORDER.filter((name) => always.includes(name) || (seldom.includes(name) && numberOf(job, name) > 0));
  return (
    <>
      {action === 'trial' && <p className={styles.trial}>{t(isRunning(job) ? 'job.trialRuns' : 'job.trialRan')}</p>}
      <dl className={styles.numbers}>
        {numbers.map((name) => (
          <Figure key={name} job={job} action={action} name={name} />
        ))}
      </dl>
      <Actions job={job} />
      {!isEmpty(job['refusedFileId']) && <p className={styles.note}>{t(isOverRows(job) ? 'job.refusedRowsHelp' : action === 'revert' ? 'job.leftHelp' : 'job.refusedHelp')}</p>}
    </>
  );
}

function Figure({ job, action, name }: { job: RecordData; action: string; name: string }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const label = action === 'revert' && name === 'updated' ? t('job.givenBack') : t(`job.${name}`);
  return (
    <div>
      <dt>{label}</dt>
      <dd data-bad={name === 'refused' && numberOf(job, name) > 0}>{formats.number(numberOf(job, name))}</dd>
    </div>
  );
}

function Actions({ job }: { job: RecordData }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const inline = useInlineLabel();
  const resource = useSchema().find(collectionOf(job));
  const action = actionOf(job);
  const download = (file: string) => ({ icon: <DownloadOutlined />, href: `/api/v1/files/${textOf(job[file])}`, download: true });
  const changed = numberOf(job, 'created') + numberOf(job, 'updated') > 0;
  return (
    <>
      <div className={styles.actions}>
        {!isEmpty(job['resultFileId']) && (
          <Button type="primary" {...download('resultFileId')}>
            {t('job.download')}
          </Button>
        )}
        {action === 'trial' && !isRunning(job) && (
          <Link to={`/${collectionOf(job)}/import`}>
            <Button type="primary">{t('job.importNow')}</Button>
          </Link>
        )}
        {!isEmpty(job['refusedFileId']) && <Button {...download('refusedFileId')}>{t(action === 'revert' ? 'job.leftRows' : 'job.refusedRows')}</Button>}
        {action === 'import' && !isRunning(job) && changed && <Revert job={job} />}
        {action === 'import' && !isRunning(job) && changed && (
          <Link to={`/${collectionOf(job)}?sort=-createTime`}>{t('job.seeRecords', { name: inline(resource?.plural) })}</Link>
        )}
        <Undo job={job} />
        {action === 'revert' && !isOverRows(job) && <Link to={`/jobs/${textOf(job['revertsId'])}`}>{t('job.theImport')}</Link>}
      </div>
      {!isEmpty(job['expireTime']) && <p className={styles.note}>{t('job.keptUntil', { time: formats.dateTime(textOf(job['expireTime'])) })}</p>}
    </>
  );
}
