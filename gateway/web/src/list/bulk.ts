// One change to many records: what is asked of POST /api/v1/<collection>:bulk, and what it answers.
import { useQuery } from '@tanstack/react-query';
import { newIdempotencyKey, request } from '../api/client';
import type { RecordData, Value, Values } from '../api/records';
import type { Field, Resource } from '../api/schema';
import { formatQuery, parseQuery } from '../api/query';

export type Selection = { ids: string[] } | { list: string }; // `list`: its conditions, as the address has them
export type Verb = 'change' | 'delete' | 'restore';
export type Mode = 'set' | 'clear' | 'add' | 'remove';

export interface FieldChange {
  field: Field;
  mode: Mode;
  value: Value;
}

export interface Preview {
  total: string;
  totalIsBound?: boolean;
  checked: number;
  changed: number;
  refused: number;
  rows: { before?: RecordData; after?: RecordData; refused?: string }[];
}

const OF_JOBS = 'guanxi.customer.'; // the service that has jobs

export const hasBulk = (resource: Resource): boolean => resource.name.startsWith(OF_JOBS);

// What several records can have in common: no names, no codes of which there is one.
export const changeable = (resource: Resource): Field[] =>
  resource.fields.filter((field) => field.outputOnly !== true && field.immutable !== true && field.unique !== true && field.name !== resource.title);

export const isComplete = ({ mode, value }: FieldChange): boolean =>
  mode === 'clear' || (Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null && value !== '');

function changeOf(changes: FieldChange[]) {
  const of = (mode: Mode): Values => Object.fromEntries(changes.filter((change) => change.mode === mode).map(({ field, value }) => [field.name, value]));
  const cleared = Object.fromEntries(changes.filter(({ mode }) => mode === 'clear').map(({ field }) => [field.name, null]));
  return { set: { ...of('set'), ...cleared }, add: of('add'), remove: of('remove') };
}

const CONDITION = /^(q$|filter\[)/;

function addressOf({ collection }: Resource, selection: Selection): string {
  const conditions = 'list' in selection ? parseQuery(selection.list).filter(({ name }) => CONDITION.test(name)) : [];
  return `/api/v1/${collection}:bulk?${formatQuery(conditions)}`;
}

function bodyOf(verb: Verb, selection: Selection, changes: FieldChange[]) {
  const which = 'ids' in selection ? { ids: selection.ids } : { all: true };
  return { ...which, ...(verb === 'change' ? { change: changeOf(changes) } : { [verb]: true }) };
}

export async function startBulk(resource: Resource, verb: Verb, selection: Selection, changes: FieldChange[]): Promise<RecordData> {
  const body = bodyOf(verb, selection, changes);
  return (await request<RecordData>('POST', addressOf(resource, selection), { body, idempotencyKey: newIdempotencyKey() })).data;
}

export function usePreview(resource: Resource, verb: Verb, selection: Selection, changes: FieldChange[], enabled: boolean) {
  const [address, body] = [addressOf(resource, selection), { ...bodyOf(verb, selection, changes), dryRun: true }];
  return useQuery({
    queryKey: ['bulk', address, body],
    queryFn: async ({ signal }) => (await request<Preview>('POST', address, { body, signal })).data,
    enabled,
    staleTime: 0,
    gcTime: 0,
    retry: false,
  });
}
