// What is chosen for each field of a merge. Not chosen: a list takes the entries of all, anything else the survivor's value,
// or where it has none, the first that there is.
import type { RecordData, Value } from '../api/records';
import type { Field, Resource } from '../api/schema';
import { isEmpty, isSame } from '../fields/values';
import type { Choice } from '../relations/api';

export const ALL = '*';
export type Chosen = Record<string, string>;

export const offered = (resource: Resource): Field[] => resource.fields.filter((field) => field.outputOnly !== true && !['id', 'version'].includes(field.name));

export const differing = (field: Field, records: RecordData[]): boolean => records.some((record) => !isSame(record[field.name], records[0]?.[field.name]));

export function chosenFor(field: Field, records: RecordData[], survivor: string, chosen: Chosen): string {
  const said = chosen[field.name];
  if (said !== undefined) return said;
  if (field.repeated === true) return ALL;
  const own = records.find(({ id }) => id === survivor);
  if (own !== undefined && !isEmpty(own[field.name])) return survivor;
  return records.find((record) => !isEmpty(record[field.name]))?.id ?? survivor;
}

// What an entry of a list is known by: a phone by its number, whatever its kind.
function essence(item: Value, main: string | undefined): Value {
  return main !== undefined && typeof item === 'object' && item !== null && !Array.isArray(item) ? item[main] : item;
}

// `main`: the part that stands for an entry, where entries have parts.
export function valueOf(field: Field, records: RecordData[], from: string, main: string | undefined): Value {
  if (from !== ALL) return records.find(({ id }) => id === from)?.[field.name];
  const items = records.flatMap((record) => {
    const value = record[field.name];
    return Array.isArray(value) ? value : [];
  });
  return items.filter((item, at) => items.findIndex((other) => isSame(essence(other, main), essence(item, main))) === at);
}

export const choicesOf = (resource: Resource, records: RecordData[], survivor: string, chosen: Chosen): Choice[] =>
  offered(resource)
    .filter((field) => differing(field, records))
    .map((field) => ({ field: field.name, fromId: chosenFor(field, records, survivor, chosen) }))
    .filter(({ fromId }) => fromId !== survivor);
