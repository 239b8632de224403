// Moments as the clock on the wall shows them in the person's time zone, and back. Inputs of times work on the wall's clock.
import dayjs, { type Dayjs } from 'dayjs';
import timezone from 'dayjs/plugin/timezone';
import utc from 'dayjs/plugin/utc';

dayjs.extend(utc);
dayjs.extend(timezone);

const WALL = 'YYYY-MM-DDTHH:mm:ss';

export const deviceZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

// `zone`: an IANA name; empty: the device's.
export const toWall = (time: string | number, zone: string): Dayjs => (zone === '' ? dayjs(time) : dayjs(dayjs(time).tz(zone).format(WALL)));
export const fromWall = (wall: Dayjs, zone: string): string => (zone === '' ? wall : dayjs.tz(wall.format(WALL), zone)).toDate().toISOString();

const DAY = 'YYYY-MM-DD';
const DAY_MS = 86_400_000;

// The first moment of a day there. Midnight is not always it: clocks that go forward then skip it, clocks that go back have it twice.
export function startOfDay(day: string, zone: string): string {
  const name = zone === '' ? deviceZone() : zone;
  const midnight = dayjs.utc(day).valueOf();
  const offsets = [-DAY_MS, DAY_MS].map((by) => dayjs(midnight + by).tz(name).utcOffset());
  const moments = offsets.map((minutes) => midnight - minutes * 60_000).sort((a, b) => a - b);
  const dayAt = (time: number) => dayjs(time).tz(name).format(DAY);
  const first = moments.find((time) => dayAt(time) === day && dayAt(time - 1) !== day) ?? midnight - (offsets[0] ?? 0) * 60_000;
  return new Date(first).toISOString();
}

export type Span = 'day' | 'week' | 'month' | 'quarter' | 'year';
export const SPANS: readonly Span[] = ['day', 'week', 'month', 'quarter', 'year'];

// From its first day to that of the next one.
export function nextSpan(day: string, span: Span): string {
  const first = dayjs.utc(day);
  return (span === 'quarter' ? first.add(3, 'month') : first.add(1, span)).format(DAY);
}
