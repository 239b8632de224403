// Reading and writing records of any resource. The query cache is the only copy of server state:
//   [collection, 'list', query]   pages of a list
//   [collection, 'record', id]    one record
//   [collection, 'history', id]   its changes
import { replaceEqualDeep, useInfiniteQuery, useQuery, type InfiniteData, type QueryClient } from '@tanstack/react-query';
import { request } from './client';
import { formatQuery, parseQuery } from './query';

export type Scalar = string | number | boolean;
export type MessageValue = Record<string, Scalar | undefined>;
export type Value = Scalar | MessageValue | (Scalar | MessageValue)[] | null | undefined;
export type Values = Record<string, Value>;

export interface RecordData extends Values {
  id: string;
  version: string;
}

export interface Page {
  data: RecordData[];
  page: { next?: string; total?: string; totalIsBound?: boolean };
}
export type Pages = InfiniteData<Page, string | undefined>;

export interface Change {
  position: string;
  time: string;
  type: string;
  version?: string;
  principalId?: string;
  fields?: string[];
  before?: Values;
  after?: Values;
}
interface HistoryPage {
  data: Change[];
  page: { next?: string };
}

const PAGE_SIZE = 50;
const path = (collection: string, id?: string) => `/api/v1/${collection}${id === undefined ? '' : `/${encodeURIComponent(id)}`}`;
const etag = (version: string) => `"${version}"`;

export const keys = {
  lists: (collection: string) => [collection, 'list'] as const,
  list: (collection: string, query: string) => [collection, 'list', query] as const,
  record: (collection: string, id: string) => [collection, 'record', id] as const,
  history: (collection: string, id: string) => [collection, 'history', id] as const,
};

async function fetchPage(collection: string, query: string, cursor: string | undefined, signal: AbortSignal): Promise<Page> {
  const asked = parseQuery(query).filter(({ name }) => name !== 'count' || cursor === undefined); // the first page has told
  if (!asked.some(({ name }) => name === 'limit')) asked.push({ name: 'limit', values: [String(PAGE_SIZE)] });
  if (cursor !== undefined) asked.push({ name: 'cursor', values: [cursor] });
  return (await request<Page>('GET', `${path(collection)}?${formatQuery(asked)}`, { signal })).data;
}

// A record that came again as it was stays the same object, also where it moved: what shows it need not be made anew.
function keepRows(old: unknown, next: unknown): unknown {
  const kept = new Map((old as Pages | undefined)?.pages.flatMap((page) => page.data.map((row) => [row.id, row] as const)));
  return mapRows(next as Pages, (row) => replaceEqualDeep(kept.get(row.id), row));
}

// `query` is the query string of the API: filters, sort, q.
export function useList(collection: string, query: string, enabled = true) {
  return useInfiniteQuery({
    queryKey: keys.list(collection, query),
    queryFn: ({ pageParam, signal }) => fetchPage(collection, query, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.page.next,
    structuralSharing: keepRows,
    placeholderData: (previous, query) => (query?.queryKey[0] === collection ? previous : undefined),
    enabled,
  });
}

export function useRecord(collection: string, id: string | undefined, staleTime = 30_000) {
  return useQuery({
    queryKey: keys.record(collection, id ?? ''),
    queryFn: async ({ signal }) => (await request<RecordData>('GET', path(collection, id), { signal })).data,
    enabled: id !== undefined && id !== '',
    staleTime,
  });
}

export async function fetchRecord(collection: string, id: string): Promise<RecordData> {
  return (await request<RecordData>('GET', path(collection, id))).data;
}

export function useHistory(collection: string, id: string) {
  return useInfiniteQuery({
    queryKey: keys.history(collection, id),
    queryFn: async ({ pageParam, signal }) => {
      const before = pageParam === undefined ? '' : `&before=${pageParam}`;
      return (await request<HistoryPage>('GET', `${path(collection, id)}/history?limit=50${before}`, { signal })).data;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.page.next,
  });
}

export async function createRecord(collection: string, body: Values, idempotencyKey: string): Promise<RecordData> {
  return (await request<RecordData>('POST', path(collection), { body, idempotencyKey })).data;
}

export async function patchRecord(collection: string, id: string, version: string, patch: Values): Promise<RecordData> {
  return (await request<RecordData>('PATCH', path(collection, id), { body: patch, ifMatch: etag(version) })).data;
}

export async function deleteRecord(collection: string, record: RecordData): Promise<void> {
  await request('DELETE', path(collection, record.id), { ifMatch: etag(record.version) });
}

export async function restoreRecord(collection: string, id: string, idempotencyKey: string): Promise<RecordData> {
  return (await request<RecordData>('POST', `${path(collection, id)}:restore`, { idempotencyKey })).data;
}

// Puts a newer image of a record everywhere it is shown. An image older than what is shown changes nothing.
export function storeRecord(client: QueryClient, collection: string, record: RecordData): void {
  const isNewer = (old: RecordData) => BigInt(record.version) >= BigInt(old.version);
  client.setQueryData<RecordData>(keys.record(collection, record.id), (old) => (old === undefined || isNewer(old) ? record : old));
  client.setQueriesData<Pages>({ queryKey: keys.lists(collection) }, (pages) =>
    mapRows(pages, (row) => (row.id === record.id && isNewer(row) ? record : row)),
  );
}

// Changes rows in every page; a row for which `change` answers null is taken away. What stands among the lists and has no
// pages, a graph for one, is refreshed with them and not changed here.
export function mapRows(pages: Partial<Pages> | undefined, change: (row: RecordData) => RecordData | null): Pages | undefined {
  if (pages?.pages === undefined) return pages as undefined;
  let changed = false as boolean; // set inside of the closure, which the compiler does not follow
  const next = pages.pages.map((page) => {
    const data = page.data.flatMap((row) => {
      const result = change(row);
      changed ||= result !== row;
      return result === null ? [] : [result];
    });
    return { ...page, data };
  });
  return (changed ? { ...pages, pages: next } : pages) as Pages;
}
