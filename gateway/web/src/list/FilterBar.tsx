// The conditions of a list as chips that read as a sentence, and what else changes what is shown.
import { CloseOutlined, DeleteOutlined, FilterOutlined, UnorderedListOutlined, UserOutlined } from '../ui/icons';
import { Button, Dropdown, Popover } from 'antd';
import { lazy, Suspense, useState, type ComponentProps } from 'react';
import { useTranslation } from 'react-i18next';
import { findField, type Field, type Resource } from '../api/schema';
import { useMe } from '../api/session';
import { useLabel } from '../i18n/i18n';
import { ColumnPicker } from './ColumnPicker';
import type { Columns } from './columns';
import { FilterSentence } from './FilterSentence';
import styles from './List.module.css';
import type { Filter } from './filter';
import { groupable, groupingOf, keyOf } from './groups';
import type { ListState } from './useListState';

const FilterEditor = lazy(() => import('./FilterEditor'));

interface Props {
  resource: Resource;
  state: ListState;
  columns: Columns;
}

export function FilterBar({ resource, state, columns }: Props) {
  const { t } = useTranslation();
  const me = useMe();
  const replace = (index: number, filter: Filter) => state.setFilters(state.filters.map((old, at) => (at === index ? filter : old)));
  const canOwn = findField(resource, 'ownerId')?.filter?.includes('eq') === true;
  const ownsFilter = state.filters.some((filter) => filter.field === 'ownerId');

  return (
    <div className={styles.filters} role="group" aria-label={t('filter.title')}>
      {state.filters.map((filter, index) => (
        <FilterChip
          key={`${filter.field}.${filter.operator}`}
          resource={resource}
          filter={filter}
          change={(next) => replace(index, next)}
          remove={() => state.setFilters(state.filters.filter((_, at) => at !== index))}
        />
      ))}
      <AddFilter resource={resource} add={(filter) => state.setFilters([...state.filters.filter(({ field, operator }) => field !== filter.field || operator !== filter.operator), filter])} />
      {canOwn && !ownsFilter && (
        <Button size="small" type="text" icon={<UserOutlined />} onClick={() => state.setFilters([...state.filters, { field: 'ownerId', operator: 'eq', values: [me.id] }])}>
          {t('filter.mine')}
        </Button>
      )}
      <GroupMenu resource={resource} state={state} />
      <SortChip resource={resource} state={state} columns={columns} />
      <span className={styles.spring} />
      {resource.readOnly !== true && resource.rights?.delete === true && (
        <Button size="small" type="text" icon={<DeleteOutlined />} aria-pressed={state.deleted} className={state.deleted ? styles.pressed : undefined} onClick={() => state.setDeleted(!state.deleted)}>
          {t('list.deleted')}
        </Button>
      )}
      <ColumnPicker resource={resource} columns={columns} />
    </div>
  );
}

function GroupMenu({ resource, state }: Pick<Props, 'resource' | 'state'>) {
  const { t } = useTranslation();
  const label = useLabel();
  const fields = groupable(resource);
  if (fields.length === 0) return null;
  const now = groupingOf(resource, state.group)?.field;
  const choose = (field: Field | undefined) => state.setGroup(field === undefined || field === now ? undefined : keyOf(field));
  return (
    <Dropdown trigger={['click']} menu={{ items: fields.map(({ name, label: text }) => ({ key: name, label: label(text) })), selectable: true, selectedKeys: now === undefined ? [] : [now.name], onClick: ({ key }) => choose(fields.find(({ name }) => name === key)) }}>
      <Button size="small" type="text" icon={<UnorderedListOutlined />} aria-haspopup="menu">
        {t('group.title')}
      </Button>
    </Dropdown>
  );
}

// An order that no shown heading tells of.
function SortChip({ resource, state, columns }: Props) {
  const { t } = useTranslation();
  const label = useLabel();
  const name = state.sort?.replace(/^-/, '').split(',')[0] ?? '';
  const field = findField(resource, name);
  if (state.sort === undefined || field === undefined || columns.shown.some((shown) => shown.name === name)) return null;
  return (
    <span className={styles.chip}>
      <span className={styles.chipText}>{t(state.sort.startsWith('-') ? 'list.sortedDown' : 'list.sortedUp', { name: label(field.label) })}</span>
      <button type="button" className={styles.chipRemove} aria-label={t('list.unsort')} onClick={() => state.setSort(undefined)}>
        <CloseOutlined />
      </button>
    </span>
  );
}

// Loaded when the first filter is set.
function LazyEditor(props: ComponentProps<typeof FilterEditor>) {
  return (
    <Suspense fallback={<div className={styles.filterEditor} />}>
      <FilterEditor {...props} />
    </Suspense>
  );
}

function AddFilter({ resource, add }: { resource: Resource; add: (filter: Filter) => void }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  if (!resource.fields.some((field) => field.filter !== undefined)) return null;
  const done = (filter: Filter) => {
    setOpen(false);
    add(filter);
  };
  return (
    <Popover trigger="click" placement="bottomLeft" destroyOnHidden open={open} onOpenChange={setOpen} content={<LazyEditor resource={resource} done={done} />}>
      <Button size="small" type="text" icon={<FilterOutlined />} aria-expanded={open}>
        {t('filter.add')}
      </Button>
    </Popover>
  );
}

interface ChipProps {
  resource: Resource;
  filter: Filter;
  change: (filter: Filter) => void;
  remove: () => void;
}

function FilterChip({ resource, filter, change, remove }: ChipProps) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const done = (next: Filter) => {
    setOpen(false);
    change(next);
  };
  return (
    <span className={styles.chip}>
      <Popover trigger="click" placement="bottomLeft" destroyOnHidden open={open} onOpenChange={setOpen} content={<LazyEditor resource={resource} initial={filter} done={done} />}>
        <button type="button" className={styles.chipText} aria-expanded={open}>
          <FilterSentence resource={resource} filter={filter} />
        </button>
      </Popover>
      <button type="button" className={styles.chipRemove} aria-label={t('filter.remove')} onClick={remove}>
        <CloseOutlined />
      </button>
    </span>
  );
}
