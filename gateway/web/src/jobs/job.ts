// What a job is, in words, and what can be done with it.
import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { newIdempotencyKey, request } from '../api/client';
import type { RecordData } from '../api/records';
import { useSchema } from '../api/schema';
import { isEmpty, textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import { useInlineLabel } from '../i18n/i18n';

const UNFINISHED = ['queued', 'running', 'paused'];
const OVER_ROWS = ['bulk', 'bulk-undo']; // went through a set of rows

export const isRunning = (job: RecordData | undefined) => job !== undefined && UNFINISHED.includes(textOf(job['state']));
export const isOverRows = (job: RecordData) => OVER_ROWS.includes(textOf(job['kind']));
// Jobs of earlier versions do not say what they did: they imported customers.
export const actionOf = (job: RecordData): string => textOf(job['action']) || 'import';
export const collectionOf = (job: RecordData): string => textOf(job['collection']) || 'customers';
export const numberOf = (job: RecordData, field: string): number => Number(textOf(job[field]) || 0);
export const canUndo = (job: RecordData) => isOverRows(job) && !isRunning(job) && numberOf(job, 'updated') + numberOf(job, 'removed') > 0;

export async function undo(job: RecordData): Promise<RecordData> {
  return (await request<RecordData>('POST', `/api/v1/jobs/${job.id}:revert`, { idempotencyKey: newIdempotencyKey() })).data;
}

// "Bulk change of customers", or the name of the file.
export function useJobName(): (job: RecordData) => string {
  const { t } = useTranslation();
  const inline = useInlineLabel();
  const schema = useSchema();
  return useCallback(
    (job) => {
      if (!isEmpty(job['fileName'])) return textOf(job['fileName']);
      const of = schema.find(textOf(job['collection']));
      return of === undefined ? t(`job.kind.${textOf(job['kind'])}`) : t('job.name', { kind: t(`job.kind.${textOf(job['kind'])}`), name: inline(of.plural) });
    },
    [t, inline, schema],
  );
}

export function useJobText(): (job: RecordData) => string {
  const { t } = useTranslation();
  const formats = useFormats();
  const name = useJobName();
  return useCallback(
    (job) => {
      const values = {
        name: name(job),
        done: formats.number(numberOf(job, 'done')),
        total: formats.number(numberOf(job, 'total')),
        changed: formats.number(numberOf(job, 'updated') + numberOf(job, 'removed')),
        refused: numberOf(job, 'refused'),
      };
      return isRunning(job) ? t('job.underWay', values) : t(job['state'] === 'succeeded' ? 'job.ended' : 'job.stopped', values);
    },
    [t, formats, name],
  );
}
