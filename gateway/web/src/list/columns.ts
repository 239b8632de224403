// Which fields a list shows: a view's, or what the person chose for the collection.
import { useCallback, useMemo, useState } from 'react';
import { useListPreferences } from '../api/preferences';
import type { Field, Resource } from '../api/schema';
import { featureOf } from '../app/features';
import { columnsOf, type View } from './views';

const NEVER = ['id', 'version'];
const LAST = ['ownerId', 'createTime'];
const SELDOM = ['teamId', 'updateTime', 'deleteTime', 'rightsVersion', 'mustChangePassword'];
const DEFAULT_COUNT = 7;

export const isColumn = (field: Field) => !NEVER.includes(field.name) && field.format !== 'multiline';

function defaultColumns(resource: Resource): string[] {
  const own = resource.fields.filter(
    (field) => isColumn(field) && field.more !== true && field.name !== resource.title && !LAST.includes(field.name) && !SELDOM.includes(field.name),
  );
  const last = LAST.filter((name) => resource.fields.some((field) => field.name === name));
  return [resource.title, ...own.slice(0, DEFAULT_COUNT - 1 - last.length).map((field) => field.name), ...last];
}

export const WIDTH = { least: 48, most: 2000 }; // pixels; the server holds to the same

export interface Columns {
  shown: Field[];
  chosen: string[] | undefined; // undefined: the usual ones
  choose: (names: string[] | undefined) => void;
  move: (from: number, to: number) => void;
  moved: { name: string; place: number } | undefined; // the last one, to be told
  widths: ReadonlyMap<string, number>; // of those that the person made wider or narrower
  resize: (name: string, width: number | undefined, done: boolean) => void; // undefined: the usual width; done: to be kept
}

function shownOf(resource: Resource, chosen: string[] | undefined): Field[] {
  const names = chosen ?? featureOf(resource.collection).columns ?? defaultColumns(resource);
  const shown = names.flatMap((name) => resource.fields.find((field) => field.name === name) ?? []);
  return shown.length > 0 ? shown : resource.fields.filter((field) => field.name === resource.title);
}

const widthsOf = (text: string | undefined): ReadonlyMap<string, number> =>
  new Map((text ?? '').split(',').flatMap((pair) => {
    const [name = '', width] = pair.split(':');
    return Number(width) > 0 ? [[name, Number(width)] as const] : [];
  }));

const formatWidths = (widths: ReadonlyMap<string, number>) => [...widths].map(([name, width]) => `${name}:${width}`).join(',') || undefined;

// A column follows the pointer at once, and is kept where it was let go.
function useWidths(collection: string): Pick<Columns, 'widths' | 'resize'> {
  const { listOf, keepList } = useListPreferences();
  const kept = listOf(collection)?.widths;
  const [draft, setDraft] = useState<ReadonlyMap<string, number>>();
  const widths = useMemo(() => draft ?? widthsOf(kept), [draft, kept]);
  const resize: Columns['resize'] = (name, width, done) => {
    const next = new Map(widths);
    if (width === undefined) next.delete(name);
    else next.set(name, width);
    setDraft(done ? undefined : next);
    if (done) keepList(collection, { widths: formatWidths(next) });
  };
  return { widths, resize };
}

// Those of the view that is open, which change with it alone; else the person's own of that list. Widths are always the person's.
export function useColumns(resource: Resource, view: View | undefined): Columns {
  const { listOf, keepList } = useListPreferences();
  const { collection } = resource;
  const [draft, setDraft] = useState<{ of: string; names: string[] | undefined }>();
  const [moved, setMoved] = useState<Columns['moved']>();
  const of = `${view?.id ?? ''} ${view?.version ?? ''}`;
  const kept = listOf(collection)?.columns?.split(',');
  const ofView = draft?.of === of ? draft.names : columnsOf(view);
  const chosen = view === undefined ? kept : ofView;

  const choose = useCallback(
    (names: string[] | undefined) => {
      if (view === undefined) keepList(collection, { columns: names?.join(',') });
      else setDraft({ of, names });
    },
    [view, of, collection, keepList],
  );
  const key = chosen?.join(); // the same names are the same columns, whatever else was kept meanwhile
  const shown = useMemo(() => shownOf(resource, key?.split(',')), [resource, key]);
  const move = (from: number, to: number) => {
    const names = shown.map((field) => field.name);
    const [name] = names.splice(from, 1);
    if (name === undefined || to < 0 || to > names.length) return;
    names.splice(to, 0, name);
    choose(names);
    setMoved({ name, place: to + 1 });
  };
  return { shown, chosen, choose, move, moved, ...useWidths(collection) };
}
