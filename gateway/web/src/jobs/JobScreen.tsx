// One piece of background work: how far it is, what came of it, and what was refused.
import { ArrowLeftOutlined, DownloadOutlined } from '../ui/icons';
import { useQuery } from '@tanstack/react-query';
import { Button, Popconfirm, Progress } from 'antd';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router-dom';
import { newIdempotencyKey, request } from '../api/client';
import { fetchRecord, keys, type RecordData } from '../api/records';
import { findField, useSchema } from '../api/schema';
import { FieldValue } from '../fields/FieldValue';
import { isEmpty, textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import { useInlineLabel } from '../i18n/i18n';
import { ErrorState, useProblemText } from '../ui/ErrorState';
import { Skeleton } from '../ui/Skeleton';
import { useToast } from '../ui/Toasts';
import { canUndo, isOverRows, isRunning, undo, useJobName } from './job';
import styles from './Job.module.css';

const POLL_MS = 1000; // events tell sooner; this is for when they do not come

export default function JobScreen() {
  const { id = '' } = useParams();
  const query = useQuery({
    queryKey: keys.record('jobs', id),
    queryFn: () => fetchRecord('jobs', id),
    refetchInterval: ({ state }) => (isRunning(state.data) ? POLL_MS : false),
  });
  if (query.data !== undefined) return <Job job={query.data} />;
  return query.isError ? <ErrorState error={query.error} retry={() => void query.refetch()} /> : <Skeleton rows={5} />;
}

function Job({ job }: { job: RecordData }) {
  const { t } = useTranslation();
  const inline = useInlineLabel();
  const resource = useSchema().find('jobs');
  const state = resource && findField(resource, 'state');
  const name = useJobName()(job);

  useEffect(() => {
    document.title = `${name} · Guanxi`;
  }, [name]);
  return (
    <section className={styles.screen} aria-label={name}>
      <header className={styles.header}>
        <Link to="/jobs" className={styles.back} aria-label={t('record.back', { name: inline(resource?.plural) })}>
          <ArrowLeftOutlined />
        </Link>
        <h1 className={styles.title}>{name}</h1>
        {state !== undefined && <FieldValue field={state} value={job['state']} />}
      </header>
      <div className={styles.body}>
        <Advance job={job} />
        <Outcome job={job} />
      </div>
    </section>
  );
}

function Advance({ job }: { job: RecordData }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const toast = useToast();
  const problemText = useProblemText();
  const [done, total] = [Number(job['done'] ?? 0), Number(job['total'] ?? 0)];
  const percent = job['state'] === 'succeeded' ? 100 : total > 0 ? Math.floor((done / total) * 100) : 0;
  const status = job['state'] === 'failed' ? 'exception' : job['state'] === 'succeeded' ? 'success' : 'normal';
  const cancel = () =>
    request('POST', `/api/v1/jobs/${job.id}:cancel`, { idempotencyKey: newIdempotencyKey() }).catch((error: unknown) => toast({ kind: 'error', text: problemText(error) }));
  return (
    <>
      <Progress percent={percent} status={status} aria-label={t('job.progress')} />
      {isRunning(job) && (
        <p className={styles.note}>
          {isOverRows(job) ? t('job.rows', { done: formats.number(done), total: formats.number(total) }) : t('job.bytes', { done: formats.bytes(done), total: formats.bytes(total) })}{' '}
          {t('job.mayLeave')}
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

function Outcome({ job }: { job: RecordData }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const numbers = isOverRows(job) ? (['updated', 'removed', 'skipped', 'refused'] as const) : (['created', 'refused'] as const);
  return (
    <>
      <dl className={styles.numbers}>
        {numbers.map((name) => (
          <div key={name}>
            <dt>{t(`job.${name}`)}</dt>
            <dd data-bad={name === 'refused' && Number(job[name] ?? 0) > 0}>{formats.number(BigInt(textOf(job[name]) || 0))}</dd>
          </div>
        ))}
      </dl>
      <div className={styles.actions}>
        {!isEmpty(job['refusedFileId']) && (
          <Button icon={<DownloadOutlined />} href={`/api/v1/files/${textOf(job['refusedFileId'])}`} download>
            {t('job.refusedRows')}
          </Button>
        )}
        <Undo job={job} />
        {!isRunning(job) && Number(job['created'] ?? 0) > 0 && (
          <Link to="/customers?sort=-createTime">
            {t('job.seeRecords')}
          </Link>
        )}
      </div>
      {!isEmpty(job['refusedFileId']) && <p className={styles.note}>{t(isOverRows(job) ? 'job.refusedRowsHelp' : 'job.refusedHelp')}</p>}
    </>
  );
}

function Undo({ job }: { job: RecordData }) {
  const { t } = useTranslation();
  const toast = useToast();
  const problemText = useProblemText();
  const navigate = useNavigate();
  if (!canUndo(job)) return null;
  const run = () =>
    undo(job)
      .then((made) => navigate(`/jobs/${made.id}`))
      .catch((error: unknown) => toast({ kind: 'error', text: problemText(error) }));
  return (
    <Popconfirm title={t('job.undo')} description={<div className={styles.confirm}>{t('job.undoHelp')}</div>} okText={t('job.undo')} cancelText={t('common.cancel')} onConfirm={() => void run()}>
      <Button>{t('job.undo')}</Button>
    </Popconfirm>
  );
}
