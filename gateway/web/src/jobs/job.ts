// What the screens of a job ask of it.
import type { RecordData } from '../api/records';
import { textOf } from '../fields/values';

const UNFINISHED = ['queued', 'running', 'paused'];

export const isRunning = (job: RecordData | undefined): boolean => job !== undefined && UNFINISHED.includes(textOf(job['state']));
// Jobs of earlier versions do not say what they did: they imported customers.
export const actionOf = (job: RecordData): string => textOf(job['action']) || 'import';
export const collectionOf = (job: RecordData): string => textOf(job['collection']) || 'customers';
export const numberOf = (job: RecordData, field: string): number => Number(textOf(job[field]) || 0);
