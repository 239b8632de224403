// One webhook: what it is at the left, how its deliveries go in the middle, and what can be done about it.
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router-dom';
import { useRecord, type RecordData } from '../api/records';
import { findField, useSchema, type Resource } from '../api/schema';
import { isEmpty, textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import { useLabel } from '../i18n/i18n';
import { useShortcuts } from '../keyboard/shortcuts';
import { DeletedBanner } from '../record/DeletedBanner';
import { Facts } from '../record/Facts';
import { RecordHeader } from '../record/RecordHeader';
import { usePageTitle } from '../ui/usePageTitle';
import record from '../record/Record.module.css';
import { useListPath } from '../shell/shellContext';
import { ErrorState } from '../ui/ErrorState';
import { Skeleton } from '../ui/Skeleton';
import { Actions } from './Actions';
import { Deliveries } from './Deliveries';
import styles from './Webhook.module.css';

const POLL_MS = 5000; // failures are measured, and tell of themselves in no event

export default function WebhookScreen() {
  const { id = '' } = useParams();
  const resource = useSchema().find('webhooks');
  const query = useRecord('webhooks', id, 0);
  const { refetch } = query;
  useEffect(() => {
    const timer = setInterval(() => void refetch(), POLL_MS);
    return () => clearInterval(timer);
  }, [refetch]);
  if (resource === undefined || query.data === undefined) return query.isError ? <ErrorState error={query.error} retry={() => void query.refetch()} /> : <Skeleton rows={10} />;
  return <Webhook key={id} resource={resource} webhook={query.data} refresh={() => void refetch()} />;
}

function Webhook({ resource, webhook, refresh }: { resource: Resource; webhook: RecordData; refresh: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const label = useLabel();
  const name = textOf(webhook['name']);
  const listPath = useListPath();
  usePageTitle(name, label(resource.label));
  useShortcuts({ Escape: () => navigate(listPath('webhooks')) });
  return (
    <article className={record.record}>
      <RecordHeader resource={resource} record={webhook} title={name} />
      {!isEmpty(webhook['deleteTime']) && <DeletedBanner resource={resource} record={webhook} />}
      <Why resource={resource} webhook={webhook} />
      {isEmpty(webhook['deleteTime']) && <Actions webhook={webhook} refresh={refresh} />}
      <div className={`${record.columns} ${styles.columns}`}>
        <section className={record.left} aria-label={t('record.tab.facts')} tabIndex={0}>
          <Facts resource={resource} record={webhook} />
        </section>
        <section className={record.middle} aria-label={t('webhook.deliveries')} tabIndex={0}>
          <Deliveries webhook={webhook} />
        </section>
      </div>
    </article>
  );
}

// Why nothing arrives, and what to do about it.
function Why({ resource, webhook }: { resource: Resource; webhook: RecordData }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const label = useLabel();
  const schema = useSchema();
  const field = findField(resource, 'reason');
  const reason = field && schema.enumOf(field)?.values.find(({ name }) => name === webhook['reason']);
  const halted = webhook['state'] !== 'active' && !isEmpty(webhook['reason']);
  const failing = !isEmpty(webhook['failingSince']);
  if (!halted && !failing) return null;
  return (
    <div role="status" className={styles.why} data-state={textOf(webhook['state'])}>
      {halted && <span>{label(reason?.label)}</span>}
      {failing && <span>{t('webhook.failing', { since: formats.dateTime(textOf(webhook['failingSince'])), error: textOf(webhook['lastError']) })}</span>}
    </div>
  );
}
