// The search over everything: GET /api/v1/search.
import { useQuery } from '@tanstack/react-query';
import { request } from './client';
import { query } from './query';
import type { RecordData } from './records';

export interface Found {
  type: string; // a collection
  match: 'exact' | 'prefix' | 'other';
  record: RecordData;
}

export interface SearchReply {
  data: Found[];
  missing: string[]; // collections that did not answer in time
  corrected?: string; // what was looked for instead
}

export function useSearch(q: string, limit: number) {
  return useQuery({
    queryKey: ['search', q, limit],
    queryFn: async ({ signal }) => (await request<SearchReply>('GET', `/api/v1/search?${query({ q, limit: String(limit) })}`, { signal })).data,
    placeholderData: (previous) => previous,
    staleTime: 10_000,
    enabled: q !== '',
  });
}
