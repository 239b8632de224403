// Which fields a list shows. A person's choice is kept in this browser, for each collection.
import { useCallback, useMemo, useState } from 'react';
import type { Field, Resource } from '../api/schema';
import { featureOf } from '../app/features';
import { readJson, writeJson } from '../app/settings';

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
  choose: (names: string[] | undefined) => void; // undefined: back to the default
}

export function useColumns(resource: Resource): Columns {
  const key = `guanxi.columns.${resource.collection}`;
  const [stored, setStored] = useState(() => ({ key, names: readJson<string[]>(key) }));
  const chosen = stored.key === key ? stored.names : readJson<string[]>(key);

  const choose = useCallback(
    (names: string[] | undefined) => {
      writeJson(key, names);
      setStored({ key, names });
    },
    [key],
  );
  const shown = useMemo(() => {
    const names = chosen ?? featureOf(resource.collection).columns ?? defaultColumns(resource);
    const fields = names.flatMap((name) => resource.fields.find((field) => field.name === name) ?? []);
    return fields.length > 0 ? fields : resource.fields.filter((field) => field.name === resource.title);
  }, [resource, chosen]);
  return { shown, choose };
}
