// Dates, numbers and lists as each language writes them.
import i18next from 'i18next';
import { useMemo } from 'react';
import { useSettings } from '../app/settings';
import type { Span } from './zone';

const DAY_MS = 86_400_000;
const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', DAY_MS],
  ['hour', 3_600_000],
  ['minute', 60_000],
];
const RELATIVE_LIMIT_MS = 7 * DAY_MS;
const BYTE_UNITS = ['B', 'kB', 'MB', 'GB'];

export interface Formats {
  dateTime: (time: string | number) => string;
  date: (time: string | number) => string;
  day: (text: string) => string; // "2026-11-21", which is the same day in every zone
  span: (text: string, span: Span) => string; // the week, month … that begins with that day
  ago: (time: string) => string;
  number: (value: number | bigint) => string;
  bytes: (count: number) => string;
  and: (parts: string[]) => string;
  or: (parts: string[]) => string;
}

// A week belongs to the year that its Thursday is in (ISO 8601).
function weekOf(monday: Date): { week: string; year: string } {
  const thursday = new Date(monday.getTime() + 3 * DAY_MS);
  const year = thursday.getUTCFullYear();
  return { week: String(Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS)) + 1), year: String(year) };
}

function makeFormats(locale: string, zone: string): Formats {
  const timeZone = zone === '' ? undefined : zone;
  const dateTime = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone });
  const date = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'short', day: 'numeric', timeZone });
  const day = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'short', day: 'numeric', timeZone: 'UTC' });
  const month = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'long', timeZone: 'UTC' });
  const year = new Intl.DateTimeFormat(locale, { year: 'numeric', timeZone: 'UTC' });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  const number = new Intl.NumberFormat(locale);
  const oneDigit = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  const and = new Intl.ListFormat(locale, { type: 'conjunction' });
  const or = new Intl.ListFormat(locale, { type: 'disjunction' });

  return {
    dateTime: (time) => dateTime.format(new Date(time)),
    date: (time) => date.format(new Date(time)),
    day: (text) => day.format(new Date(`${text}T00:00:00Z`)),
    span: (text, span) => {
      const first = new Date(`${text}T00:00:00Z`);
      if (span === 'week') return i18next.t('time.week', weekOf(first));
      if (span === 'quarter') return i18next.t('time.quarter', { quarter: String(Math.floor(first.getUTCMonth() / 3) + 1), year: String(first.getUTCFullYear()) });
      return { day, month, year }[span].format(first);
    },
    ago: (time) => {
      const distance = new Date(time).getTime() - Date.now();
      if (Math.abs(distance) > RELATIVE_LIMIT_MS) return date.format(new Date(time));
      const unit = UNITS.find(([, size]) => Math.abs(distance) >= size);
      return unit === undefined ? i18next.t('time.now') : relative.format(Math.round(distance / unit[1]), unit[0]);
    },
    number: (value) => number.format(value),
    bytes: (count) => {
      const power = count < 1000 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log10(count) / 3));
      return `${oneDigit.format(count / 1000 ** power)} ${BYTE_UNITS[power] ?? ''}`;
    },
    and: (parts) => and.format(parts),
    or: (parts) => or.format(parts),
  };
}

const LOCALES = { en: 'en-GB', zh: 'zh-CN' };
const made = new Map<string, Formats>();

// Making them is dear, and every value of a list asks for them.
function formatsOf(locale: string, zone: string): Formats {
  const key = `${locale} ${zone}`;
  const formats = made.get(key) ?? makeFormats(locale, zone);
  made.set(key, formats);
  return formats;
}

export function useFormats(): Formats {
  const { language, timeZone } = useSettings();
  return useMemo(() => formatsOf(LOCALES[language], timeZone), [language, timeZone]);
}
