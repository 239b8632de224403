// Saved views of a list: one's own and those that others share.
import { useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { newIdempotencyKey } from '../api/client';
import { formatQuery, parseQuery, query } from '../api/query';
import { createRecord, deleteRecord, keys, patchRecord, restoreRecord, storeRecord, useList, type RecordData, type Values } from '../api/records';
import type { Resource } from '../api/schema';
import { useMe } from '../api/session';
import type { Settings } from '../app/settings';

export type Sharing = 'nobody' | 'team' | 'everyone';
export type Density = Settings['density'];

export interface View extends RecordData {
  name: string;
  collection: string;
  shared: Sharing;
  density?: Density; // absent: the person's own
  groupBy?: string;
  ownerId: string;
}

const LIMIT = { name: 'limit', values: ['500'] };
const condition = (field: string, operator: string, values: string[]) => ({ name: `filter[${field}][${operator}]`, values });

// An administrator may see everybody's: theirs are those that they own, and those that are shared with them.
export function useViews(collection: string): { views: View[]; pending: boolean } {
  const me = useMe();
  const of = condition('collection', 'eq', [collection]);
  const own = useList('views', formatQuery([of, condition('ownerId', 'eq', [me.id]), LIMIT]));
  const shared = useList('views', formatQuery([of, condition('shared', 'in', ['team', 'everyone']), LIMIT]));
  const views = useMemo(() => {
    const all = [own, shared].flatMap(({ data }) => data?.pages.flatMap((page) => page.data) ?? []) as View[];
    const byId = new Map(all.map((view) => [view.id, view]));
    return [...byId.values()].sort((a, b) => Number(a['position']) - Number(b['position']) || (a.id < b.id ? -1 : 1));
  }, [own, shared]);
  return { views, pending: own.isPending || shared.isPending };
}

export const columnsOf = (view: View | undefined): string[] | undefined => {
  const names = view?.['columns'];
  return Array.isArray(names) && names.length > 0 ? (names as string[]) : undefined;
};

const queryOf = (view: View): string => formatQuery(parseQuery(typeof view['query'] === 'string' ? view['query'] : ''));

// The address of the list as the view shows it.
export const searchOf = (view: View): string => `?${[query({ view: view.id, ...(view.groupBy === undefined ? {} : { group: view.groupBy }) }), queryOf(view)].join('&')}`;

export interface Shown {
  query: string;
  group: string | undefined;
  columns: string[] | undefined;
}

const sorted = (query: string) => query.split('&').sort().join('&');

export const isChanged = (view: View, shown: Shown): boolean =>
  sorted(queryOf(view)) !== sorted(shown.query) || (view.groupBy ?? '') !== (shown.group ?? '') || (columnsOf(view) ?? []).join() !== (shown.columns ?? []).join();

export interface ViewActions {
  create: (values: Values & { name: string; shared: Sharing }, shown: Shown) => Promise<View>;
  change: (view: View, values: Values) => Promise<void>;
  remove: (view: View) => Promise<void>;
  restore: (view: View) => Promise<void>;
}

export const valuesOf = (shown: Shown): Values => ({ query: shown.query, columns: shown.columns ?? [], groupBy: shown.group ?? null });

export function useViewActions(resource: Resource): ViewActions {
  const client = useQueryClient();
  return useMemo(() => {
    const refresh = () => client.invalidateQueries({ queryKey: keys.lists('views') });
    return {
      create: async (values, shown) => {
        const view = await createRecord('views', { ...valuesOf(shown), ...values, collection: resource.collection }, newIdempotencyKey());
        await refresh();
        return view as View;
      },
      change: async (view, values) => {
        storeRecord(client, 'views', await patchRecord('views', view.id, view.version, values));
        await refresh();
      },
      remove: async (view) => {
        await deleteRecord('views', view);
        await refresh();
      },
      restore: async (view) => {
        await restoreRecord('views', view.id, newIdempotencyKey());
        await refresh();
      },
    };
  }, [client, resource]);
}
