// The records that the palette shows: what the server finds, or, before anything is typed, what was opened last.
import { useQueries } from '@tanstack/react-query';
import { useMemo, type ReactNode } from 'react';
import { useNavigate } from 'react-router-dom';
import { request } from '../api/client';
import { query } from '../api/query';
import { keys, type Page, type RecordData } from '../api/records';
import { useSchema, type Resource } from '../api/schema';
import { useSearch, type SearchReply } from '../api/search';
import { useMe } from '../api/session';
import { featureOf } from '../app/features';
import { recentVisits } from '../app/recent';
import { textOf } from '../fields/values';
import { PlainKindIcon } from '../record/KindIcon';
import { useDebounced } from '../ui/useDelayed';
import type { Command } from './commands';

const FOUND_LIMIT = 5; // of each collection
const DEBOUNCE_MS = 90;

function iconOf(resource: Resource, record: RecordData): ReactNode {
  const Icon = featureOf(resource.collection).icon;
  return resource.collection === 'activities' ? <PlainKindIcon kind={textOf(record['kind'])} /> : <Icon />;
}

function useOpenCommand(): (collection: string, record: RecordData) => Command[] {
  const schema = useSchema();
  const navigate = useNavigate();
  return useMemo(
    () => (collection, record) => {
      const resource = schema.find(collection);
      if (resource === undefined) return [];
      const run = () => navigate(`/${collection}/${record.id}`);
      return [{ key: `open:${record.id}`, title: textOf(record[resource.title]), icon: iconOf(resource, record), search: '', hint: resource.label, run }];
    },
    [schema, navigate],
  );
}

export interface FoundRecords {
  records: Command[];
  corrected: string | undefined;
  missing: string[];
  error: Error | null;
  asked: boolean; // the answer is to what stands in the box now
}

const NOTHING: SearchReply = { data: [], missing: [] };

export function useFoundRecords(text: string): FoundRecords {
  const open = useOpenCommand();
  const q = useDebounced(text.trim(), DEBOUNCE_MS);
  const { data, error, isPlaceholderData, isFetching } = useSearch(q, FOUND_LIMIT);

  return useMemo(() => {
    const reply = q === '' || error !== null ? NOTHING : (data ?? NOTHING);
    return {
      records: reply.data.flatMap(({ type, record }) => open(type, record)),
      corrected: reply.corrected,
      missing: reply.missing,
      error: q === '' ? null : error,
      asked: q === text.trim() && !isPlaceholderData && !isFetching,
    };
  }, [q, text, data, error, isPlaceholderData, isFetching, open]);
}

// One question for each collection; what was deleted since, or may no longer be seen, is not there.
export function useRecentRecords(): Command[] {
  const me = useMe();
  const open = useOpenCommand();
  const visits = useMemo(() => recentVisits(me.id), [me.id]);
  const collections = useMemo(() => [...new Set(visits.map(({ collection }) => collection))], [visits]);

  return useQueries({
    queries: collections.map((collection) => {
      const ids = visits.filter((visit) => visit.collection === collection).map(({ id }) => id);
      return {
        queryKey: [...keys.lists(collection), 'recent', ids.join(',')],
        queryFn: async ({ signal }: { signal: AbortSignal }) =>
          (await request<Page>('GET', `/api/v1/${collection}?${query({ 'filter[id][in]': ids.join(',') })}`, { signal })).data.data,
      };
    }),
    combine: (results) =>
      visits.flatMap(({ collection, id }) => {
        const record = results[collections.indexOf(collection)]?.data?.find((row) => row.id === id);
        return record === undefined ? [] : open(collection, record);
      }),
  });
}
