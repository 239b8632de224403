// What the system has to tell the person: newest first, each leading to what it is about; read when opened.
import { Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { useQueryClient } from '@tanstack/react-query';
import { keys, patchRecord, useList, type RecordData } from '../api/records';
import { findField, useSchema } from '../api/schema';
import { FieldValue } from '../fields/FieldValue';
import { textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import { ErrorState, useProblemText } from '../ui/ErrorState';
import { Skeleton } from '../ui/Skeleton';
import { useToast } from '../ui/Toasts';
import { usePageTitle } from '../ui/usePageTitle';
import styles from './Notifications.module.css';

export default function NotificationsScreen() {
  const { t } = useTranslation();
  const query = useList('notifications', 'sort=-createTime');
  const markRead = useMarkRead();
  const rows = query.data?.pages.flatMap((page) => page.data) ?? [];
  const unread = rows.filter((row) => row['read'] !== true);

  usePageTitle(t('notifications.title'));
  if (query.data === undefined) return query.isError ? <ErrorState error={query.error} retry={() => void query.refetch()} /> : <Skeleton rows={8} />;
  return (
    <section className={styles.screen} aria-label={t('notifications.title')}>
      <header className={styles.header}>
        <h1>{t('notifications.title')}</h1>
        {unread.length > 0 && <Button onClick={() => void markRead(unread)}>{t('notifications.readAll')}</Button>}
      </header>
      {rows.length === 0 && <p className={styles.none}>{t('notifications.none')}</p>}
      <ul className={styles.items}>
        {rows.map((row) => (
          <Item key={row.id} row={row} open={() => void markRead([row])} />
        ))}
      </ul>
      {query.hasNextPage && (
        <Button className={styles.more} loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          {t('notifications.older')}
        </Button>
      )}
    </section>
  );
}

function useMarkRead(): (rows: RecordData[]) => Promise<void> {
  const client = useQueryClient();
  const toast = useToast();
  const problemText = useProblemText();
  return async (rows) => {
    const unread = rows.filter((row) => row['read'] !== true);
    try {
      for (const row of unread) await patchRecord('notifications', row.id, row.version, { read: true });
    } catch (error) {
      toast({ kind: 'error', text: problemText(error) });
    }
    await client.invalidateQueries({ queryKey: keys.lists('notifications') });
  };
}

function Item({ row, open }: { row: RecordData; open: () => void }) {
  const formats = useFormats();
  const resource = useSchema().find('notifications');
  const kind = resource && findField(resource, 'kind');
  return (
    <li className={styles.item} data-unread={row['read'] !== true}>
      <Link to={`/${textOf(row['link'])}`} onClick={open}>
        <span className={styles.subject}>{textOf(row['subject'])}</span>
        {kind !== undefined && <FieldValue field={kind} value={row['kind']} plain />}
        <time dateTime={textOf(row['createTime'])} className={styles.time} title={formats.dateTime(textOf(row['createTime']))}>
          {formats.ago(textOf(row['createTime']))}
        </time>
      </Link>
    </li>
  );
}
