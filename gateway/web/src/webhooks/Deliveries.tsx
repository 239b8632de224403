// The log of deliveries: what was sent, what came back, and another try on asking. It grows without events: read again now and then.
import { Button, Segmented } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { query as apiQuery } from '../api/query';
import { useList, type RecordData } from '../api/records';
import { findField, useSchema } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import { ErrorState } from '../ui/ErrorState';
import { Skeleton } from '../ui/Skeleton';
import { DeliveryItem } from './DeliveryItem';
import styles from './Webhook.module.css';

const POLL_MS = 3000;
const STATES = ['all', 'waiting', 'delivered', 'failed'] as const;
type State = (typeof STATES)[number];

export function Deliveries({ webhook }: { webhook: RecordData }) {
  const { t } = useTranslation();
  const label = useLabel();
  const schema = useSchema();
  const [state, setState] = useState<State>('all');
  const resource = schema.find('deliveries');
  const field = resource && findField(resource, 'state');
  const names = field === undefined ? [] : (schema.enumOf(field)?.values ?? []);
  const list = useList('deliveries', apiQuery({ 'filter[webhookId][eq]': webhook.id, ...(state === 'all' ? {} : { 'filter[state][eq]': state }), sort: '-createTime', limit: '30' }));
  const { refetch } = list;
  const short = (list.data?.pages.length ?? 0) < 2; // whoever has paged back is not moved
  useEffect(() => {
    if (!short) return;
    const timer = setInterval(() => void refetch(), POLL_MS);
    return () => clearInterval(timer);
  }, [refetch, short]);

  const rows = list.data?.pages.flatMap((page) => page.data) ?? [];
  const nameOf = (value: State) => (value === 'all' ? t('webhook.allStates') : label(names.find(({ name }) => name === value)?.label));
  return (
    <>
      <div className={styles.logHead}>
        <h2>{t('webhook.deliveries')}</h2>
        <Segmented size="small" aria-label={t('webhook.filterState')} value={state} onChange={setState} options={STATES.map((value) => ({ value, label: nameOf(value) }))} />
      </div>
      {list.isPending && <Skeleton rows={6} />}
      {list.isError && list.data === undefined && <ErrorState error={list.error} retry={() => void refetch()} />}
      {list.data !== undefined && rows.length === 0 && <p className={styles.note}>{t(state === 'all' ? 'webhook.noDeliveries' : 'webhook.noneInState')}</p>}
      <ul className={styles.log}>
        {rows.map((row) => (
          <DeliveryItem key={row.id} delivery={row} state={field} refresh={() => void refetch()} />
        ))}
      </ul>
      {list.hasNextPage && (
        <Button loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {t('notifications.older')}
        </Button>
      )}
    </>
  );
}
