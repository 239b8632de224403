// What is being entered, kept in this browser until it is saved or thrown away: nothing typed is lost by leaving.
import { useCallback, useState } from 'react';
import type { Value, Values } from '../api/records';
import type { Resource } from '../api/schema';
import { readJson, writeJson } from '../app/settings';
import { filledIn } from '../fields/values';

const defaultsOf = (resource: Resource): Values =>
  Object.fromEntries(
    resource.fields.flatMap((field): [string, Value][] => {
      if (field.default === undefined || field.outputOnly === true || field.default === 'now') return [];
      return [[field.name, field.type === 'boolean' ? field.default === 'true' : field.default]];
    }),
  );

export function useDraft(resource: Resource, known: Values) {
  const key = `guanxi.draft.${resource.collection}`;
  const [{ values, restored }, setDraft] = useState(() => {
    const kept = readJson<Values>(key);
    return { values: { ...defaultsOf(resource), ...kept, ...known }, restored: kept !== undefined };
  });
  const change = useCallback(
    (name: string, value: Value) =>
      setDraft((old) => {
        const next = { ...old.values, [name]: value };
        writeJson(key, filledIn(next));
        return { ...old, values: next };
      }),
    [key],
  );
  const discard = useCallback(() => {
    writeJson(key, undefined);
    setDraft({ values: { ...defaultsOf(resource), ...known }, restored: false });
  }, [key, resource, known]);
  return { values, restored, change, discard };
}
