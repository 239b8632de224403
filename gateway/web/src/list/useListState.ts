// What a list shows is in the URL, in the words of the API: it can be sent to a colleague, bookmarked, reloaded.
import { useCallback, useMemo } from 'react';
import { useSearchParams } from 'react-router-dom';
import type { Operator } from '../api/schema';

export interface Filter {
  field: string;
  operator: Operator;
  values: string[];
}

export interface ListState {
  q: string;
  filters: Filter[];
  sort: string | undefined; // "-createTime"
  deleted: boolean;
  apiQuery: string; // all of it, as the API takes it
  setQ: (q: string) => void;
  setFilters: (filters: Filter[]) => void;
  setSort: (sort: string | undefined) => void;
  setDeleted: (deleted: boolean) => void;
  clear: () => void;
}

const FILTER_NAME = /^filter\[(\w+)\]\[(\w+)\]$/;
const OWN_PARAMETERS = ['q', 'sort', 'deleted'];

function readFilters(search: URLSearchParams): Filter[] {
  return [...search].flatMap(([name, text]) => {
    const [, field, operator] = FILTER_NAME.exec(name) ?? [];
    if (field === undefined || operator === undefined) return [];
    return [{ field, operator: operator as Operator, values: operator === 'in' ? text.split(',') : [text] }];
  });
}

export function useListState(): ListState {
  const [search, setSearch] = useSearchParams();
  const text = search.toString();

  const set = useCallback(
    (name: string, value: string | undefined, replace = false) =>
      setSearch(
        (old) => {
          const next = new URLSearchParams(old);
          if (value === undefined || value === '') next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace },
      ),
    [setSearch],
  );
  const setFilters = useCallback(
    (filters: Filter[]) =>
      setSearch((old) => {
        const next = new URLSearchParams([...old].filter(([name]) => !FILTER_NAME.test(name)));
        for (const { field, operator, values } of filters) next.append(`filter[${field}][${operator}]`, values.join(','));
        return next;
      }),
    [setSearch],
  );

  return useMemo(() => {
    const current = new URLSearchParams(text);
    const api = new URLSearchParams([...current].filter(([name]) => OWN_PARAMETERS.includes(name) || FILTER_NAME.test(name)));
    api.set('count', 'true');
    return {
      q: current.get('q') ?? '',
      filters: readFilters(current),
      sort: current.get('sort') ?? undefined,
      deleted: current.get('deleted') === 'true',
      apiQuery: api.toString(),
      setQ: (q) => set('q', q, true),
      setFilters,
      setSort: (sort) => set('sort', sort),
      setDeleted: (deleted) => set('deleted', deleted ? 'true' : undefined),
      clear: () => setSearch({}),
    };
  }, [text, set, setFilters, setSearch]);
}
