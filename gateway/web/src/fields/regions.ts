// The provinces, cities and districts of China (GB/T 2260), to choose an address from. Loaded when somebody enters one.
import { areaList } from '@vant/area-data';
import { LEVELS, type Level, type RegionChoice } from './regionLevels';

// A code has two digits for each level: 440305 is in 440300, which is in 440000.
const LISTS: Record<Level, Record<string, string>> = { province: areaList.province_list, city: areaList.city_list, district: areaList.county_list };
const parentCode = (code: string, level: Level) => (level === 'province' ? `${code.slice(0, 2)}0000` : `${code.slice(0, 4)}00`);

// Between a province and its counties the standard has rows that are no places, and the data one for all that it does not list.
const NO_PLACE = /^(省直辖县|自治区直辖县级行政区划|县|其它区)$/;
const OFFERED_MAX = 60;

function nameAt(code: string, level: Level): string | undefined {
  const name = LISTS[level][level === 'district' ? code : parentCode(code, level)];
  return name === undefined || NO_PLACE.test(name) ? undefined : name;
}

// The place and what it lies in: { province, city, district }.
const placeOf = (code: string, level: Level): Partial<Record<Level, string>> =>
  Object.fromEntries(LEVELS.slice(0, LEVELS.indexOf(level) + 1).flatMap((at) => {
    const name = nameAt(code, at);
    return name === undefined ? [] : [[at, name]];
  }));

// What is offered while `typed` stands in the input of `level`: within what the row says already, the likeliest first.
export function offer(level: Level, row: Partial<Record<Level, string>>, typed: string): RegionChoice[] {
  const above = LEVELS.slice(0, LEVELS.indexOf(level)).filter((at) => (row[at] ?? '') !== '');
  const word = typed.trim();
  const isWithin = (code: string) => above.every((at) => nameAt(code, at) === row[at]);
  const places = Object.entries(LISTS[level]).flatMap(([code, name]): RegionChoice[] =>
    NO_PLACE.test(name) || !name.includes(word) || !isWithin(code) ? [] : [{ code, name, place: placeOf(code, level) }],
  );
  if (word === '' && above.length === 0 && level !== 'province') return []; // three thousand districts help nobody
  return places.sort((a, b) => Number(b.name.startsWith(word)) - Number(a.name.startsWith(word))).slice(0, OFFERED_MAX);
}
