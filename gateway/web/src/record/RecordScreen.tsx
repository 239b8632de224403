// One record: facts left, all that happened in the middle, what belongs to it right. On a phone: one column, three tabs.
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, useNavigate, useParams } from 'react-router-dom';
import { useRecord, type RecordData } from '../api/records';
import { useSchema, type Resource } from '../api/schema';
import { useRememberVisit } from '../app/recent';
import { isEmpty, textOf } from '../fields/values';
import { useLabel } from '../i18n/i18n';
import { useShortcuts } from '../keyboard/shortcuts';
import { useListPath } from '../shell/shellContext';
import { ErrorState } from '../ui/ErrorState';
import { Skeleton } from '../ui/Skeleton';
import { usePhone } from '../ui/useMediaQuery';
import { DeletedBanner } from './DeletedBanner';
import { Facts } from './Facts';
import { RecordHeader } from './RecordHeader';
import { hasRelated, Related } from './Related';
import { Timeline } from './Timeline';
import { usePageTitle } from '../ui/usePageTitle';
import styles from './Record.module.css';

export default function RecordScreen() {
  const { collection = '', id = '' } = useParams();
  const resource = useSchema().find(collection);
  const query = useRecord(collection, id, 0);
  if (resource === undefined) return <Navigate to="/" replace />;
  if (query.data === undefined) return query.isError ? <ErrorState error={query.error} retry={() => void query.refetch()} /> : <Skeleton rows={10} />;
  if (query.isError) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  if (query.data.id !== id) return <Navigate to={`/${collection}/${query.data.id}`} replace />; // it became part of that one
  return <RecordOf key={id} resource={resource} record={query.data} />;
}

type Tab = 'timeline' | 'facts' | 'related';

function RecordOf({ resource, record }: { resource: Resource; record: RecordData }) {
  const { t } = useTranslation();
  const label = useLabel();
  const navigate = useNavigate();
  const schema = useSchema();
  const phone = usePhone();
  const listPath = useListPath();
  const withRelated = hasRelated(schema, resource);
  const [tab, setTab] = useState<Tab>(resource.activities === true ? 'timeline' : 'facts');
  const tabs: Tab[] = ['timeline', 'facts', ...(withRelated ? (['related'] as const) : [])];
  const title = isEmpty(record[resource.title]) ? t('record.untitled') : textOf(record[resource.title]);

  usePageTitle(title, label(resource.label));
  useRememberVisit(resource.collection, record.id);
  useShortcuts({ Escape: () => navigate(listPath(resource.collection)) });

  const shows = (name: Tab) => !phone || tab === name;
  return (
    <article className={styles.record} data-wide={withRelated}>
      <RecordHeader resource={resource} record={record} title={title} />
      {!isEmpty(record['deleteTime']) && <DeletedBanner resource={resource} record={record} />}
      {phone && (
        <div role="tablist" className={styles.tabs}>
          {tabs.map((name) => (
            <button key={name} type="button" role="tab" id={`tab-${name}`} aria-controls={`panel-${name}`} aria-selected={tab === name} className={styles.tab} onClick={() => setTab(name)}>
              {t(`record.tab.${name}`)}
            </button>
          ))}
        </div>
      )}
      <div className={styles.columns}>
        {shows('facts') && (
          <Panel name="facts" phone={phone} className={styles.left}>
            <Facts resource={resource} record={record} />
          </Panel>
        )}
        {shows('timeline') && (
          <Panel name="timeline" phone={phone} className={styles.middle}>
            <Timeline resource={resource} record={record} />
          </Panel>
        )}
        {withRelated && shows('related') && (
          <Panel name="related" phone={phone} className={styles.right}>
            <Related resource={resource} record={record} />
          </Panel>
        )}
      </div>
    </article>
  );
}

function Panel({ name, phone, className, children }: { name: Tab; phone: boolean; className: string | undefined; children: React.ReactNode }) {
  const { t } = useTranslation();
  const role = phone ? { role: 'tabpanel', id: `panel-${name}`, 'aria-labelledby': `tab-${name}` } : { 'aria-label': t(`record.tab.${name}`) };
  return (
    <section {...role} className={className} tabIndex={0}>
      {children}
    </section>
  );
}
