// How many there are of each: questions to GET /api/v1/<collection>:aggregate, with the conditions of the list.
import { useQuery } from '@tanstack/react-query';
import { request } from '../api/client';
import { formatQuery, parseQuery } from '../api/query';
import { keys } from '../api/records';
import type { Field, Resource } from '../api/schema';
import { fromWall, toWall, deviceZone } from '../i18n/zone';
import { isFilter, isTime, toFilter, toParameter, type Filter } from './filter';
import type { ListState } from './useListState';

const LIMIT = '24';
const SPAN = 'month';

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

export const keyOf = (field: Field): string => (isTime(field) ? `${field.name}:${SPAN}` : field.name);

export const groupField = (resource: Resource, group: string | undefined): Field | undefined => (group === undefined ? undefined : groupable(resource).find((field) => keyOf(field) === group));

// What the group's own field is held to does not count: one goes from group to group.
function questionOf(state: ListState, field: Field, zone: string): string {
  const others = parseQuery(state.ownQuery).filter((parameter) => (isFilter(parameter) ? toFilter(parameter)[0]?.field !== field.name : parameter.name !== 'sort'));
  return formatQuery([...others, { name: 'group', values: [keyOf(field)] }, { name: 'timeZone', values: [zone === '' ? deviceZone() : zone] }, { name: 'limit', values: [LIMIT] }]);
}

export function useGroups(resource: Resource, state: ListState, field: Field, zone: string) {
  const question = questionOf(state, field, zone);
  return useQuery({
    queryKey: [...keys.lists(resource.collection), 'groups', keyOf(field), question],
    queryFn: async ({ signal }) => {
      const { data } = await request<Reply>('GET', `/api/v1/${resource.collection}:aggregate?${question}`, { signal });
      const groups = data.data.map(({ group, measures }): Group => ({ value: group[field.name] == null ? null : String(group[field.name]), count: measures.count }));
      return { groups, more: data.page.more };
    },
    placeholderData: (previous, query) => (query?.queryKey[3] === keyOf(field) ? previous : undefined), // another field's groups say nothing of this one's
  });
}

// The conditions that show one group alone.
export function filtersOf(field: Field, value: string | null, zone: string): Filter[] {
  const one = (operator: Filter['operator'], text: string): Filter => ({ field: field.name, operator, values: [text] });
  if (value === null) return [one('isNull', 'true')];
  if (!isTime(field)) return [one(field.repeated === true ? 'any' : field.type === 'enum' ? 'in' : 'eq', value)];
  const first = toWall(`${value}T12:00:00Z`, 'UTC').startOf('month');
  const moment = (months: number) => (field.type === 'timestamp' ? fromWall(first.add(months, SPAN), zone) : first.add(months, SPAN).format('YYYY-MM-DD'));
  return [one('gte', moment(0)), one('lt', moment(1))];
}

const asText = (filters: Filter[]) => formatQuery(filters.map(toParameter).sort((a, b) => (a.name < b.name ? -1 : 1)));

export const isShown = (state: ListState, field: Field, filters: Filter[]): boolean => asText(state.filters.filter((filter) => filter.field === field.name)) === asText(filters);

export const othersOf = (state: ListState, field: Field): Filter[] => state.filters.filter((filter) => filter.field !== field.name);
