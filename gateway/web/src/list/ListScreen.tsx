// A list of any collection: found, filtered, sorted, opened, selected, all of it from the schema.
import { useCallback, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, useNavigate, useParams } from 'react-router-dom';
import { useList } from '../api/records';
import { findField, useSchema, type Resource } from '../api/schema';
import { useCreate } from '../form/CreateProvider';
import { useLabel } from '../i18n/i18n';
import { useShortcuts } from '../keyboard/shortcuts';
import { useRememberList } from '../shell/shellContext';
import { ErrorState } from '../ui/ErrorState';
import { Skeleton } from '../ui/Skeleton';
import { usePhone } from '../ui/useMediaQuery';
import { BulkBar } from './BulkBar';
import { useColumns } from './columns';
import { EmptyState } from './EmptyState';
import { FilterBar } from './FilterBar';
import { GroupBar } from './GroupBar';
import { ListHeader } from './ListHeader';
import { ListTable } from './ListTable';
import { usePageTitle } from '../ui/usePageTitle';
import styles from './List.module.css';
import { useListState } from './useListState';
import { ViewTabs } from './ViewTabs';
import { useViews } from './views';

export default function ListScreen() {
  const { collection = '' } = useParams();
  const resource = useSchema().find(collection);
  if (resource === undefined) return <Navigate to="/" replace />;
  return <ListOf key={collection} resource={resource} />;
}

function ListOf({ resource }: { resource: Resource }) {
  const { t } = useTranslation();
  const label = useLabel();
  const navigate = useNavigate();
  const create = useCreate();
  const phone = usePhone();
  const state = useListState();
  const { views, pending } = useViews(resource.collection);
  const view = views.find(({ id }) => id === state.view);
  const columns = useColumns(resource, view);
  const query = useList(resource.collection, state.apiQuery);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const search = useRef<HTMLInputElement>(null);

  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.data) ?? [], [query.data]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const loadMore = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const open = useCallback((id: string) => navigate(`/${resource.collection}/${id}`), [navigate, resource.collection]);

  usePageTitle(label(resource.plural));
  useRememberList(resource.collection);
  useShortcuts({
    '/': () => search.current?.focus(),
    c: resource.rights?.create === true && resource.readOnly !== true ? () => create(resource) : undefined,
    Escape: () => setSelected(new Set()),
  });

  const isFiltered = state.q !== '' || state.filters.length > 0 || state.deleted;
  return (
    <section className={styles.list} aria-label={label(resource.plural)}>
      <ListHeader resource={resource} state={state} first={query.data?.pages[0]?.page} search={search} columns={columns} />
      {!pending && <ViewTabs resource={resource} state={state} views={views} active={view} shown={{ query: state.ownQuery, group: state.group, columns: columns.chosen }} />}
      <FilterBar resource={resource} state={state} columns={columns} />
      <GroupBar resource={resource} state={state} />
      {selected.size > 0 && (
        <BulkBar
          resource={resource}
          rows={rows.filter((row) => selected.has(row.id))}
          state={state}
          all={query.data?.pages[0]?.page}
          clear={() => setSelected(new Set())}
        />
      )}
      {query.isPending && <Skeleton rows={14} />}
      {query.isError && query.data === undefined && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data !== undefined && rows.length === 0 && <EmptyState resource={resource} filtered={isFiltered} clear={state.clear} />}
      {rows.length > 0 && (
        <ListTable resource={resource} columns={columns} rows={rows} state={state} selected={selected} select={setSelected} open={open} loadMore={loadMore} selectable={resource.rights?.delete === true && resource.readOnly !== true} phone={phone} more={hasNextPage} density={view?.density} />
      )}
      <p className="visually-hidden" role="status">
        {query.isFetching ? t('list.loading') : ''}
      </p>
      <p className="visually-hidden" role="status">
        {columns.moved && t('columns.moved', { name: label(findField(resource, columns.moved.name)?.label), place: columns.moved.place, count: columns.shown.length })}
      </p>
    </section>
  );
}
