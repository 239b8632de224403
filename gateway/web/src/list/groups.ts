// How many there are of each: questions to GET /api/v1/<collection>:aggregate, with the conditions of the list.
import { useQuery } from '@tanstack/react-query';
import { request } from '../api/client';
import { formatQuery, parseQuery } from '../api/query';
import { keys } from '../api/records';
import type { Field, Resource } from '../api/schema';
import { deviceZone, nextSpan, SPANS, startOfDay, type Span } from '../i18n/zone';
import { isFilter, isTime, toFilter, toParameter, type Filter } from './filter';
import type { ListState } from './useListState';

const LIMIT = '24';
const USUAL_SPAN: Span = 'month';

export interface Group {
  value: string | null; // as the API has it; of a span of time its first day
  count: string;
}

interface Reply {
  data: { group: Record<string, string | boolean | null>; measures: { count: string } }[];
  page: { more: boolean };
}

const isNumber = (field: Field) => field.type === 'integer' || field.type === 'long';

export const groupable = (resource: Resource): Field[] => resource.fields.filter((field) => field.aggregate === true && !isNumber(field) && field.filter !== undefined);

// What the rows are counted by: "stage", "createTime:month".
export interface Grouping {
  field: Field;
  span: Span | undefined; // of times
}

export const keyOf = (field: Field, span: Span = USUAL_SPAN): string => (isTime(field) ? `${field.name}:${span}` : field.name);

export function groupingOf(resource: Resource, key: string | undefined): Grouping | undefined {
  const [name, text] = (key ?? '').split(':');
  const field = groupable(resource).find((one) => one.name === name);
  const span = SPANS.find((one) => one === text);
  return field === undefined || isTime(field) !== (span !== undefined) ? undefined : { field, span };
}

// What the group's own field is held to does not count: one goes from group to group.
function questionOf(state: ListState, { field, span }: Grouping, zone: string): string {
  const others = parseQuery(state.ownQuery).filter((parameter) => (isFilter(parameter) ? toFilter(parameter)[0]?.field !== field.name : parameter.name !== 'sort'));
  const asked = { group: keyOf(field, span), timeZone: zone === '' ? deviceZone() : zone, newest: 'true', limit: LIMIT };
  return formatQuery([...others, ...Object.entries(asked).map(([name, value]) => ({ name, values: [value] }))]);
}

export function useGroups(resource: Resource, state: ListState, grouping: Grouping, zone: string) {
  const question = questionOf(state, grouping, zone);
  const { field, span } = grouping;
  const key = keyOf(field, span);
  return useQuery({
    queryKey: [...keys.lists(resource.collection), 'groups', key, question],
    queryFn: async ({ signal }) => {
      const { data } = await request<Reply>('GET', `/api/v1/${resource.collection}:aggregate?${question}`, { signal });
      const groups = data.data.map(({ group, measures }): Group => ({ value: group[field.name] == null ? null : String(group[field.name]), count: measures.count }));
      return { groups, more: data.page.more };
    },
    placeholderData: (previous, query) => (query?.queryKey[3] === key ? previous : undefined), // another field's groups say nothing of this one's
  });
}

// The conditions that show one group alone.
export function filtersOf({ field, span }: Grouping, value: string | null, zone: string): Filter[] {
  const one = (operator: Filter['operator'], text: string): Filter => ({ field: field.name, operator, values: [text] });
  if (value === null) return [one('isNull', 'true')];
  if (span === undefined) return [one(field.repeated === true ? 'any' : field.type === 'enum' ? 'in' : 'eq', value)];
  const moment = (day: string) => (field.type === 'timestamp' ? startOfDay(day, zone) : day);
  return [one('gte', moment(value)), one('lt', moment(nextSpan(value, span)))];
}

const asText = (filters: Filter[]) => formatQuery(filters.map(toParameter).sort((a, b) => (a.name < b.name ? -1 : 1)));

export const isShown = (state: ListState, field: Field, filters: Filter[]): boolean => asText(state.filters.filter((filter) => filter.field === field.name)) === asText(filters);

export const othersOf = (state: ListState, field: Field): Filter[] => state.filters.filter((filter) => filter.field !== field.name);
