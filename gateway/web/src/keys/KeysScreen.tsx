// What programs sign in with: the keys that this person may see, a new one, and the end of one.
import { useQueryClient } from '@tanstack/react-query';
import { Button } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { keys, useList } from '../api/records';
import { ErrorState } from '../ui/ErrorState';
import { Skeleton } from '../ui/Skeleton';
import { KeyItem } from './KeyItem';
import { usePageTitle } from '../ui/usePageTitle';
import styles from './Keys.module.css';
import { NewKey } from './NewKey';

export default function KeysScreen() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const query = useList('apiKeys', 'limit=100');
  const [making, setMaking] = useState(false);
  const rows = query.data?.pages.flatMap((page) => page.data);
  const title = t('keys.title');
  const changed = () => void client.invalidateQueries({ queryKey: keys.lists('apiKeys') });

  usePageTitle(title);
  return (
    <section className={styles.screen} aria-label={title}>
      <header className={styles.header}>
        <h1 className={styles.title}>{title}</h1>
        <Button type="primary" onClick={() => setMaking(true)}>
          {t('keys.create')}
        </Button>
      </header>
      <div className={styles.body}>
        <p className={styles.note}>{t('keys.purpose')}</p>
        {query.isPending && <Skeleton rows={6} />}
        {query.isError && rows === undefined && <ErrorState error={query.error} retry={() => void query.refetch()} />}
        {rows?.length === 0 && <p className={styles.none}>{t('keys.none')}</p>}
        {rows !== undefined && rows.length > 0 && (
          <ul className={styles.keys}>
            {rows.map((row) => (
              <KeyItem key={row.id} apiKey={row} changed={changed} />
            ))}
          </ul>
        )}
        {query.hasNextPage && <Button onClick={() => void query.fetchNextPage()}>{t('keys.more')}</Button>}
      </div>
      {making && <NewKey made={changed} close={() => setMaking(false)} />}
    </section>
  );
}
