// One timeline from several pages of several sources, newest first.
import type { Change, RecordData } from '../api/records';
import { textOf } from '../fields/values';

export type Item = { key: string; time: string } & ({ activity: RecordData; change?: undefined } | { change: Change; activity?: undefined });

interface Source {
  items: Item[];
  more: boolean;
}

export const activityItem = (activity: RecordData): Item => ({ key: activity.id, time: textOf(activity['occurTime'] ?? activity['createTime']), activity });
export const changeItem = (change: Change): Item => ({ key: `change:${change.position}`, time: change.time, change });

const oldest = ({ items }: Source) => items.reduce((low, item) => (low === '' || item.time < low ? item.time : low), '');

// Items older than the oldest of a source that has more are held back: what comes later may lie between them.
export function mergeSources(sources: Source[]): Item[] {
  const horizon = sources.filter((source) => source.more).map(oldest).sort().at(-1) ?? '';
  return sources
    .flatMap((source) => source.items)
    .filter((item) => item.time >= horizon)
    .sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0));
}
