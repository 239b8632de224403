// What a list shows is in the URL, in the words of the API: it can be sent to a colleague, bookmarked, reloaded.
import { useMemo } from 'react';
import { useLocation, useNavigate } from 'react-router-dom';
import { formatQuery, parseQuery, type Parameter } from '../api/query';
import { isFilter, toFilter, toParameter, type Filter } from './filter';

export interface ListState {
  q: string;
  filters: Filter[];
  sort: string | undefined; // "-createTime"
  deleted: boolean;
  apiQuery: string; // all of it, as the API takes it
  ownQuery: string; // the same without what the list adds: what a view keeps
  view: string | undefined; // the id of the saved view that it began with; 'all': none, on purpose
  isEmpty: boolean; // nothing was asked for: the list may open with the person's first view
  setQ: (q: string) => void;
  setFilters: (filters: Filter[]) => void;
  setSort: (sort: string | undefined) => void;
  setDeleted: (deleted: boolean) => void;
  clear: () => void;
}

const OWN_PARAMETERS = ['q', 'sort', 'deleted'];

export function useListState(): ListState {
  const { search } = useLocation();
  const navigate = useNavigate();

  return useMemo(() => {
    const own = parseQuery(search).filter((parameter) => OWN_PARAMETERS.includes(parameter.name) || isFilter(parameter));
    const valueOf = (name: string) => own.find((parameter) => parameter.name === name)?.values.join(',');
    const view = parseQuery(search).find(({ name }) => name === 'view')?.values[0];
    const ofView = view === undefined ? [] : [{ name: 'view', values: [view] }];
    const show = (parameters: Parameter[], replace = false) => navigate({ search: formatQuery([...ofView, ...parameters]) }, { replace });
    const set = (name: string, value: string | undefined, replace = false) => {
      const others = own.filter((parameter) => parameter.name !== name);
      show(value === undefined || value === '' ? others : [...others, { name, values: name === 'q' ? [value] : value.split(',') }], replace);
    };
    return {
      q: valueOf('q') ?? '',
      filters: own.flatMap(toFilter),
      sort: valueOf('sort'),
      deleted: valueOf('deleted') === 'true',
      apiQuery: formatQuery([...own, { name: 'count', values: ['true'] }]),
      ownQuery: formatQuery(own),
      view,
      isEmpty: view === undefined && own.length === 0,
      setQ: (q) => set('q', q, true),
      setFilters: (filters) => show([...own.filter((parameter) => !isFilter(parameter)), ...filters.map(toParameter)]),
      setSort: (sort) => set('sort', sort),
      setDeleted: (deleted) => set('deleted', deleted ? 'true' : undefined),
      clear: () => show([]),
    };
  }, [search, navigate]);
}
