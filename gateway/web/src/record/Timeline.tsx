// Everything that happened to a record: what people did about it, and what was changed in it.
import { Button, Select } from 'antd';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { query as apiQuery } from '../api/query';
import { useHistory, useList, type RecordData } from '../api/records';
import { findField, useSchema, type Resource } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import { ErrorState } from '../ui/ErrorState';
import { Skeleton } from '../ui/Skeleton';
import { activityLink } from './activityLink';
import { ActivityItem } from './ActivityItem';
import { ChangeItem } from './ChangeItem';
import { Composer } from './Composer';
import styles from './Timeline.module.css';
import { activityItem, changeItem, mergeSources } from './timelineItems';

export function Timeline({ resource, record }: { resource: Resource; record: RecordData }) {
  const { t } = useTranslation();
  const schema = useSchema();
  const link = useMemo(() => activityLink(schema, resource, record), [schema, resource, record]);
  const [show, setShow] = useState('all');
  const kind = show === 'all' || show === 'changes' ? undefined : show;

  const params = apiQuery(link === undefined ? {} : { [`filter[${link.field.name}][eq]`]: record.id, sort: '-occurTime', ...(kind === undefined ? {} : { 'filter[kind][eq]': kind }) });
  const activities = useList('activities', params, link !== undefined && show !== 'changes');
  const history = useHistory(resource.collection, record.id);

  const items = useMemo(() => {
    const done = show === 'changes' ? [] : (activities.data?.pages.flatMap((page) => page.data) ?? []);
    const changed = kind === undefined ? (history.data?.pages.flatMap((page) => page.data) ?? []) : [];
    return mergeSources([
      { items: done.map(activityItem), more: activities.hasNextPage && show !== 'changes' },
      { items: changed.map(changeItem), more: history.hasNextPage && kind === undefined },
    ]);
  }, [activities.data, activities.hasNextPage, history.data, history.hasNextPage, show, kind]);

  const sources = [...(link !== undefined && show !== 'changes' ? [activities] : []), ...(kind === undefined ? [history] : [])];
  const failed = sources.find((source) => source.isError);
  const more = sources.filter((source) => source.hasNextPage);
  return (
    <>
      {link !== undefined && <Composer link={link} record={record} />}
      <div className={styles.bar}>
        <h2 className={styles.heading}>{t(link === undefined ? 'timeline.history' : 'timeline.title')}</h2>
        {link !== undefined && <ShowSelect activities={link.activities} value={show} change={setShow} />}
      </div>
      {failed !== undefined && <ErrorState error={failed.error} retry={() => void failed.refetch()} />}
      {sources.some((source) => source.isPending) && <Skeleton rows={6} />}
      <ol className={styles.items}>
        {items.map((item) => (
          <li key={item.key} className={styles.item}>
            {item.activity !== undefined ? <ActivityItem activity={item.activity} /> : <ChangeItem resource={resource} change={item.change} />}
          </li>
        ))}
      </ol>
      {items.length === 0 && sources.every((source) => source.isSuccess) && <p className={styles.nothing}>{t('timeline.nothing')}</p>}
      {more.length > 0 && (
        <Button type="text" block loading={more.some((source) => source.isFetchingNextPage)} onClick={() => more.forEach((source) => void source.fetchNextPage())}>
          {t('timeline.older')}
        </Button>
      )}
    </>
  );
}

function ShowSelect({ activities, value, change }: { activities: Resource; value: string; change: (value: string) => void }) {
  const { t } = useTranslation();
  const label = useLabel();
  const schema = useSchema();
  const kind = findField(activities, 'kind');
  const kinds = (kind && schema.enumOf(kind)?.values.filter(({ name }) => name !== 'unspecified')) ?? [];
  const options = [
    { value: 'all', label: t('timeline.all') },
    ...kinds.map(({ name, label: text }) => ({ value: name, label: label(text) })),
    { value: 'changes', label: t('timeline.changes') },
  ];
  return <Select size="small" variant="borderless" popupMatchSelectWidth={false} aria-label={t('timeline.show')} value={value} options={options} onChange={change} />;
}
