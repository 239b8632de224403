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

export interface Columns {
  shown: Field[];
  chosen: string[] | undefined; // undefined: the usual ones
  choose: (names: string[] | undefined) => void;
}

function shownOf(resource: Resource, chosen: string[] | undefined): Field[] {
  const names = chosen ?? featureOf(resource.collection).columns ?? defaultColumns(resource);
  const shown = names.flatMap((name) => resource.fields.find((field) => field.name === name) ?? []);
  return shown.length > 0 ? shown : resource.fields.filter((field) => field.name === resource.title);
}

// Those of the view that is open, which change with it alone; else the person's own of that list.
export function useColumns(resource: Resource, view: View | undefined): Columns {
  const { listOf, keepList } = useListPreferences();
  const { collection } = resource;
  const [draft, setDraft] = useState<{ of: string; names: string[] | undefined }>();
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
  return { shown, chosen, choose };
}
