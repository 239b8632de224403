// What is asked of customers beyond the standard methods: their graph, what looks like them, merging.
import { useQuery } from '@tanstack/react-query';
import { request } from '../api/client';
import { query as apiQuery } from '../api/query';
import { keys, type RecordData } from '../api/records';

export interface GraphNode {
  id: string;
  collection: 'customers' | 'contacts';
  name: string;
  title?: string;
  depth?: number; // absent: 0
}
export interface GraphEdge {
  from: string;
  to: string;
  type: 'parent' | 'contact' | 'relationship';
  kind?: string;
  relationshipId?: string;
  startDate?: string;
  endDate?: string;
  note?: string;
}
export interface Graph {
  nodes: GraphNode[];
  edges?: GraphEdge[];
  truncated?: boolean;
}

export interface Candidate {
  id?: string; // absent: out of sight
  name?: string;
  ownerName?: string;
  reasons?: string[];
  score?: number;
}

// Among the lists of relationships: refreshed when one of them changes.
export const GRAPHS = [...keys.lists('relationships'), 'graph'];

export function useGraph(id: string, depth: number) {
  return useQuery({
    queryKey: [...GRAPHS, id, depth],
    queryFn: async ({ signal }) => (await request<Graph>('GET', `/api/v1/customers/${id}/graph?depth=${String(depth)}`, { signal })).data,
    placeholderData: (previous) => previous,
  });
}

export function useCandidates(asked: Record<string, string>) {
  const query = apiQuery(Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== '')));
  return useQuery({
    queryKey: ['customers', 'duplicates', query],
    queryFn: async ({ signal }) => (await request<{ candidates?: Candidate[] }>('GET', `/api/v1/customers:duplicates?${query}`, { signal })).data.candidates ?? [],
    enabled: query !== '',
  });
}

export interface Choice {
  field: string;
  fromId: string;
}

export const mergeCustomers = async (id: string, others: string[], fields: Choice[], idempotencyKey: string): Promise<RecordData> =>
  (await request<RecordData>('POST', `/api/v1/customers/${id}:merge`, { body: { others, fields }, idempotencyKey })).data;

// Without a merge's id: the latest.
export const unmergeCustomers = async (id: string, idempotencyKey: string, mergeId?: string): Promise<RecordData> =>
  (await request<RecordData>('POST', `/api/v1/customers/${id}:unmerge`, { body: mergeId === undefined ? {} : { mergeId }, idempotencyKey })).data;
