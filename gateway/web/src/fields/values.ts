// Values as data: emptiness, equality, and what can be said about them before the server is asked.
import type { MessageValue, Scalar, Value, Values } from '../api/records';
import type { Field } from '../api/schema';

export const isEmpty = (value: Value): boolean => value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);

// The text of a plain value; nothing for what is absent or has parts.
export const textOf = (value: Value): string => (value === null || value === undefined || typeof value === 'object' ? '' : String(value));

export function isSame(a: Value, b: Value): boolean {
  if (isEmpty(a) && isEmpty(b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, index) => isSame(item, b[index]));
  const [left, right] = [a as MessageValue, b as MessageValue];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => isSame(left[key], right[key]));
}

// The one part of a message that stands for it: a phone's number, a mail's address.
export function mainField(fields: readonly Field[]): Field | undefined {
  return fields.find((field) => field.required === true && field.type === 'string');
}

// Drops rows of which nothing was filled in, and parts that are empty.
export function tidyValue(value: Value): Value {
  if (typeof value === 'string') return value.trim();
  if (!Array.isArray(value)) return value;
  return value.map(tidyItem).filter((item) => typeof item !== 'object' || Object.keys(item).some((key) => key !== 'kind'));
}

function tidyItem(item: Scalar | MessageValue): Scalar | MessageValue {
  if (typeof item !== 'object') return item;
  return Object.fromEntries(Object.entries(item).flatMap(([key, part]) => (isEmpty(part) ? [] : [[key, typeof part === 'string' ? part.trim() : part]])));
}

// A merge patch clears what is null (RFC 7396); repeated fields are replaced whole, an empty list clears them.
export const patchValue = (field: Field, value: Value): Value => (isEmpty(value) ? (field.repeated === true ? [] : null) : value);

// What a create sends: only what was filled in.
export function filledIn(values: Values): Values {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, tidyValue(value)] as const).filter(([, value]) => !isEmpty(value)));
}

const PATTERNS: Partial<Record<NonNullable<Field['format']>, RegExp>> = {
  email: /^[^\s@]+@[^\s@]+\.[^\s@]+$/,
  url: /^https?:\/\/[^\s/]+/i,
  phone: /^[+\d][\d\s()-]{4,}$/,
  creditCode: /^[0-9A-Z]{18}$/i,
};

export interface Complaint {
  key: string;
  values?: Record<string, string | number>;
}

// What is plainly wrong, told while typing. The server decides; this only spares a trip.
export function complain(field: Field, value: Value): Complaint | undefined {
  if (isEmpty(value)) return field.required === true ? { key: 'check.required' } : undefined;
  if (typeof value !== 'string') return undefined;
  if (field.type === 'long' || field.type === 'integer') return complainNumber(field, value);
  const length = Array.from(value.trim()).length;
  if (field.maxLength !== undefined && length > field.maxLength) return { key: 'check.tooLong', values: { count: field.maxLength } };
  if (field.minLength !== undefined && length < field.minLength) return { key: 'check.tooShort', values: { count: field.minLength } };
  const pattern = field.format === undefined ? undefined : PATTERNS[field.format];
  return pattern === undefined || pattern.test(value.trim()) ? undefined : { key: `check.format.${field.format ?? ''}` };
}

function complainNumber(field: Field, text: string): Complaint | undefined {
  if (!/^-?\d{1,18}$/.test(text.trim())) return { key: 'check.number' };
  const value = BigInt(text.trim());
  if (field.minimum !== undefined && value < BigInt(field.minimum)) return { key: 'check.tooSmall', values: { limit: String(field.minimum) } };
  if (field.maximum !== undefined && value > BigInt(field.maximum)) return { key: 'check.tooLarge', values: { limit: String(field.maximum) } };
  return undefined;
}
