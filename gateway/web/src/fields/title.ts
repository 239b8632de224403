// What a record is called: some have an English name beside their own, for who reads English.
import { useMemo } from 'react';
import type { RecordData } from '../api/records';
import { findField, useSchema, type Resource, type Schema } from '../api/schema';
import { useSettings } from '../app/settings';
import { textOf } from './values';

const ENGLISH = 'englishName';

export function useTitleOf(): (resource: Resource | undefined, record: RecordData | undefined) => string {
  const { language } = useSettings();
  return useMemo(
    () => (resource, record) => {
      const own = textOf(record?.[resource?.title ?? 'name']);
      return language === 'en' ? textOf(record?.[ENGLISH]) || own : own;
    },
    [language],
  );
}

// The colour that a record has among others of its kind, as the design system calls it.
export function colourOf(schema: Schema, resource: Resource | undefined, record: RecordData | undefined): string | undefined {
  const field = resource && findField(resource, 'colour');
  const value = field && schema.enumOf(field)?.values.find(({ name }) => name === record?.['colour']);
  return field === undefined || record === undefined ? undefined : (value?.colour ?? 'default');
}

export const useIsColoured = (collection: string | undefined): boolean => {
  const resource = useSchema().find(collection ?? '');
  return resource !== undefined && findField(resource, 'colour')?.type === 'enum';
};
