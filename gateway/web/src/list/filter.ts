// A condition of a list, as it stands in its address: filter[stage][in]=active,dormant
import { formatQuery, parseQuery, type Parameter } from '../api/query';
import type { Field, Operator } from '../api/schema';

export interface Filter {
  field: string;
  operator: Operator;
  values: string[];
}

const FILTER_NAME = /^filter\[(\w+)\]\[(\w+)\]$/;

export const isFilter = ({ name }: Parameter) => FILTER_NAME.test(name);

export function toFilter({ name, values }: Parameter): Filter[] {
  const [, field, operator] = FILTER_NAME.exec(name) ?? [];
  return field === undefined || operator === undefined ? [] : [{ field, operator: operator as Operator, values }];
}

export const toParameter = ({ field, operator, values }: Filter): Parameter => ({ name: `filter[${field}][${operator}]`, values });

// A rule is such conditions and nothing else; undefined for a text that says more than conditions.
export function parseRule(text: string): Filter[] | undefined {
  const parameters = parseQuery(text);
  return parameters.every(isFilter) ? parameters.flatMap(toFilter) : undefined;
}

export const formatRule = (filters: Filter[]): string => formatQuery(filters.map(toParameter));

export const isTime = (field: Field) => field.type === 'timestamp' || field.type === 'date' || field.format === 'date';

// What one most likely means, first.
function firstOperator(field: Field): Operator {
  if (field.repeated === true) return 'any';
  const liked: Operator[] = field.type === 'enum' ? ['in', 'eq'] : isTime(field) ? ['gte', 'gt'] : field.type === 'string' && field.reference === undefined ? ['contains', 'eq'] : ['eq'];
  return liked.find((operator) => field.filter?.includes(operator)) ?? field.filter?.[0] ?? 'eq';
}

export const newFilter = (field: Field): Filter => ({ field: field.name, operator: firstOperator(field), values: field.type === 'boolean' ? ['true'] : [] });

export const isComplete = (filter: Filter | undefined): filter is Filter => filter !== undefined && filter.values.length > 0 && filter.values.every((value) => value !== '');

// Of what the API can be asked, what a person would: no lists of ids, no moment to the microsecond, no order among words.
const ASKED: Record<'time' | 'text' | 'choice' | 'several' | 'other', readonly Operator[]> = {
  several: ['any', 'all', 'none', 'isNull'],
  time: ['gte', 'lt', 'isNull'],
  text: ['contains', 'eq', 'ne', 'isNull'],
  choice: ['in', 'ne', 'isNull'],
  other: ['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'isNull'],
};

// With the one that a condition has already, whoever wrote it.
export function operatorsOf(field: Field, current: Operator): Operator[] {
  const kind = field.repeated === true ? 'several' : isTime(field) ? 'time' : field.type === 'enum' ? 'choice' : field.type === 'string' && field.reference === undefined ? 'text' : 'other';
  const offered = ASKED[kind].filter((operator) => field.filter?.includes(operator) === true);
  return offered.includes(current) ? offered : [current, ...offered];
}

const TIME_OPERATORS: readonly Operator[] = ['lt', 'lte', 'gt', 'gte'];

// The key of how an operator reads: "is at least" of a number is "is from" of a day.
export const operatorKey = (field: Field, operator: Operator): string => (isTime(field) && TIME_OPERATORS.includes(operator) ? `filter.time.${operator}` : `filter.op.${operator}`);
