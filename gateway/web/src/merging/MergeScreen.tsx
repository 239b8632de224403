// Customers side by side: which of them stays, and from which each value is taken. What comes out is shown as one chooses.
import { Button, Checkbox } from 'antd';
import { useQueries, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate, useSearchParams } from 'react-router-dom';
import { newIdempotencyKey } from '../api/client';
import { fetchRecord, keys, type RecordData } from '../api/records';
import { useSchema, type Resource } from '../api/schema';
import { mergeCustomers } from '../relations/api';
import { textOf } from '../fields/values';
import { ErrorState, useProblemText } from '../ui/ErrorState';
import { Skeleton } from '../ui/Skeleton';
import { useToast } from '../ui/Toasts';
import { choicesOf, differing, offered, type Chosen } from './choices';
import { MergeTable } from './MergeTable';
import { refreshMerged, useUnmerge } from './useUnmerge';
import styles from './Merge.module.css';

export default function MergeScreen() {
  const [search] = useSearchParams();
  return <Merge ids={(search.get('ids') ?? '').split(',').filter((id) => id !== '')} dismiss={undefined} />;
}

interface Props {
  ids: string[];
  dismiss: (() => void) | undefined; // absent: nobody has asked whether they are the same
}

export function Merge({ ids, dismiss }: Props) {
  const { t } = useTranslation();
  const resource = useSchema().find('customers');
  const found = useQueries({ queries: ids.map((id) => ({ queryKey: keys.record('customers', id), queryFn: () => fetchRecord('customers', id) })) });
  const failed = found.find(({ error }) => error !== null);
  const records = found.flatMap(({ data }) => data ?? []);
  const different = records.filter((record, at) => records.findIndex(({ id }) => id === record.id) === at);

  if (failed !== undefined) return <ErrorState error={failed.error} retry={() => void failed.refetch()} />;
  if (resource === undefined || records.length < ids.length) return <Skeleton rows={10} />;
  if (different.length < 2) return <p className={styles.screen}>{t('merge.nothing')}</p>;
  return <MergeOf key={ids.join()} resource={resource} records={different} dismiss={dismiss} />;
}

// The one of which most is known, of equals the older one.
function fullest(records: RecordData[]): string {
  const [first] = [...records].sort((a, b) => Number(b['completeness'] ?? 0) - Number(a['completeness'] ?? 0) || (textOf(a['createTime']) < textOf(b['createTime']) ? -1 : 1));
  return first?.id ?? '';
}

function MergeOf({ resource, records, dismiss }: { resource: Resource; records: RecordData[]; dismiss: Props['dismiss'] }) {
  const { t } = useTranslation();
  const [survivor, setSurvivor] = useState(fullest(records));
  const [chosen, setChosen] = useState<Chosen>({});
  const [all, setAll] = useState(false);
  const merge = useMerge();
  const fields = offered(resource).filter((field) => all || differing(field, records));
  return (
    <section className={styles.screen}>
      <h1>{t('merge.title', { count: records.length })}</h1>
      <p className={styles.help}>{t('merge.help')}</p>
      <MergeTable fields={fields} records={records} survivor={survivor} chosen={chosen} keep={setSurvivor} choose={(field, from) => setChosen((old) => ({ ...old, [field]: from }))} />
      <div className={styles.actions}>
        <Button type="primary" loading={merge.busy} onClick={() => void merge.run(survivor, records, choicesOf(resource, records, survivor, chosen))}>
          {t('merge.do')}
        </Button>
        {dismiss && <Button onClick={dismiss}>{t('merge.dismiss')}</Button>}
        <Checkbox checked={all} onChange={(event) => setAll(event.target.checked)}>{t('merge.all')}</Checkbox>
      </div>
      {merge.error !== undefined && <p role="alert" className={styles.error}>{merge.error}</p>}
    </section>
  );
}

function useMerge() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const navigate = useNavigate();
  const toast = useToast();
  const problemText = useProblemText();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const attempt = useRef({ body: '', key: '' });

  const undo = useUnmerge();
  const run = async (survivor: string, records: RecordData[], fields: ReturnType<typeof choicesOf>) => {
    const others = records.map(({ id }) => id).filter((id) => id !== survivor);
    const body = JSON.stringify([survivor, others, fields]);
    if (attempt.current.body !== body) attempt.current = { body, key: newIdempotencyKey() };
    setBusy(true);
    setError(undefined);
    try {
      const record = await mergeCustomers(survivor, others, fields, attempt.current.key);
      refreshMerged(client);
      navigate(`/customers/${record.id}`);
      toast({ text: t('merge.done', { name: textOf(record['name']), count: records.length }), action: { label: t('common.undo'), run: () => void undo(record.id) } });
    } catch (problem) {
      setError(problemText(problem));
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, run };
}
