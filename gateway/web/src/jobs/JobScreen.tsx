// One piece of background work: how far it is, what came of it, and what was refused.
import { ArrowLeftOutlined } from '../ui/icons';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router-dom';
import { fetchRecord, keys, type RecordData } from '../api/records';
import { findField, useSchema } from '../api/schema';
import { FieldValue } from '../fields/FieldValue';
import { isEmpty } from '../fields/values';
import { useInlineLabel } from '../i18n/i18n';
import { useShortcuts } from '../keyboard/shortcuts';
import { ErrorState } from '../ui/ErrorState';
import { Skeleton } from '../ui/Skeleton';
import { Advance } from './Advance';
import { useListPath } from '../shell/shellContext';
import { isRunning, useJobName } from './job';
import { usePageTitle } from '../ui/usePageTitle';
import styles from './Job.module.css';
import { Outcome } from './Outcome';

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
  const navigate = useNavigate();
  const resource = useSchema().find('jobs');
  const [state, action] = (['state', 'action'] as const).map((field) => resource && findField(resource, field));
  const name = useJobName()(job);
  const listPath = useListPath();

  useShortcuts({ Escape: () => navigate(listPath('jobs')) });
  usePageTitle(name);
  return (
    <section className={styles.screen} aria-label={name}>
      <header className={styles.header}>
        <Link to={listPath('jobs')} className={styles.back} aria-label={t('record.back', { name: inline(resource?.plural) })}>
          <ArrowLeftOutlined />
        </Link>
        <h1 className={styles.title}>{name}</h1>
        {action !== undefined && !isEmpty(job['action']) && <FieldValue field={action} value={job['action']} />}
        {state !== undefined && <FieldValue field={state} value={job['state']} />}
      </header>
      <div className={styles.body}>
        <Advance job={job} />
        <Outcome job={job} />
      </div>
    </section>
  );
}
