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
