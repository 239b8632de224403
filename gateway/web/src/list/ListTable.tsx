// The rows: only those in sight are in the page, however long the list.
import { useVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useEffect, useLayoutEffect, useRef } from 'react';
import { useLocation } from 'react-router-dom';
import type { RecordData } from '../api/records';
import type { Field, Resource } from '../api/schema';
import { useSettings, type Settings } from '../app/settings';
import { useLabel } from '../i18n/i18n';
import { useShortcuts } from '../keyboard/shortcuts';
import type { Columns } from './columns';
import { isTime } from './filter';
import { HeadRow } from './HeadRow';
import styles from './List.module.css';
import { ListCard } from './ListCard';
import { ListRow } from './ListRow';
import type { ListState } from './useListState';

const ROW_HEIGHT = { compact: 28, comfortable: 44 };
const CARD_HEIGHT = 62;
const CHECK_WIDTH = 36;
const EDGE_WIDTH = 8;
const TITLE_WIDTH = 220;
const COLUMN_WIDTH = 96;
const TIME_WIDTH = 120; // "20 minutes ago"
const WIDE_COLUMN_WIDTH = 144;
const LOAD_AHEAD = 20; // rows

// Names are long, phones and addresses of the web middling, all else short. The rest of the room is shared in proportion.
function widthOf(resource: Resource, field: Field): number {
  if (field.name === resource.title || field.filterOf !== undefined) return TITLE_WIDTH;
  if (isTime(field)) return TIME_WIDTH;
  const isLong = field.type === 'message' || (field.type === 'string' && field.reference !== 'users' && field.reference !== 'teams');
  return isLong ? WIDE_COLUMN_WIDTH : COLUMN_WIDTH;
}

// Where each list was left, so that one comes back to the same place.
const places = new Map<string, { offset: number; index: number }>();

export interface TableProps {
  resource: Resource;
  columns: Columns;
  rows: RecordData[];
  state: ListState;
  selected: ReadonlySet<string>;
  select: (ids: ReadonlySet<string>) => void;
  open: (id: string) => void;
  loadMore: () => void;
  selectable: boolean;
  phone: boolean;
  more: boolean;
  density: Settings['density'] | undefined; // the view's, which goes before the person's
}

export function ListTable({ resource, columns, rows, state, selected, select, open, loadMore, selectable, phone, more, density }: TableProps) {
  const label = useLabel();
  const settings = useSettings();
  const { pathname, search } = useLocation();
  const place = pathname + search;
  const scroller = useRef<HTMLDivElement>(null);
  const active = useRef(places.get(place)?.index ?? -1);
  const height = phone ? CARD_HEIGHT : ROW_HEIGHT[density ?? settings.density];
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 12,
    initialOffset: places.get(place)?.offset ?? 0,
    getItemKey: (index) => rows[index]?.id ?? index,
  });
  const items = virtual.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;

  useLayoutEffect(() => virtual.measure(), [virtual, height]);
  useEffect(() => {
    if (lastShown >= rows.length - LOAD_AHEAD) loadMore();
  }, [lastShown, rows.length, loadMore]);
  useEffect(
    () => () => {
      places.set(place, { offset: virtual.scrollOffset ?? 0, index: active.current });
    },
    [place, virtual],
  );

  const focusRow = (index: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, index));
    active.current = next;
    virtual.scrollToIndex(next);
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${next}"] a`)?.focus());
  };
  const latest = useRef(selected);
  latest.current = selected;
  const toggle = useCallback(
    (id: string) => {
      const next = new Set(latest.current);
      if (!next.delete(id)) next.add(id);
      select(next);
    },
    [select],
  );
  useShortcuts({
    j: () => focusRow(active.current + 1),
    k: () => focusRow(active.current - 1),
    ArrowDown: () => focusRow(active.current + 1),
    ArrowUp: () => focusRow(active.current - 1),
    x: () => {
      const row = rows[active.current];
      if (row !== undefined && selectable) toggle(row.id);
    },
  });

  const widths = columns.shown.map((field) => columns.widths.get(field.name) ?? widthOf(resource, field));
  const minWidth = phone ? undefined : widths.reduce((sum, width) => sum + width, selectable ? CHECK_WIDTH : EDGE_WIDTH);
  const template = `${selectable ? CHECK_WIDTH : EDGE_WIDTH}px ${columns.shown.map(({ name }, at) => (columns.widths.has(name) ? `${widths[at]}px` : `minmax(${widths[at]}px, ${widths[at]}fr)`)).join(' ')}`;
  const Row = phone ? ListCard : ListRow;
  const allSelected = rows.length > 0 && rows.every((row) => selected.has(row.id));
  return (
    <div ref={scroller} className={styles.scroller} role="table" aria-label={label(resource.plural)} aria-rowcount={more ? -1 : rows.length + 1} tabIndex={-1}>
      {!phone && (
        <HeadRow
          resource={resource}
          columns={columns}
          state={state}
          template={template}
          widths={widths}
          minWidth={minWidth}
          all={selectable ? { checked: allSelected, some: selected.size > 0, toggle: () => select(new Set(allSelected ? [] : rows.map((row) => row.id))) } : undefined}
        />
      )}
      <div className={styles.rows} role="rowgroup" style={{ height: virtual.getTotalSize(), minWidth }}>
        {items.map((item) => {
          const row = rows[item.index];
          return row === undefined ? null : (
            <Row
              key={item.key}
              resource={resource}
              columns={columns.shown}
              row={row}
              index={item.index}
              style={{ transform: `translateY(${item.start}px)`, height, gridTemplateColumns: phone ? undefined : template }}
              selected={selected.has(row.id)}
              toggle={selectable ? toggle : undefined}
              open={open}
              onFocus={(index) => {
                active.current = index;
              }}
            />
          );
        })}
      </div>
    </div>
  );
}
