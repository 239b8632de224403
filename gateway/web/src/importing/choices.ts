// What a person chose for a file, kept with it: the mapping and the rules. For headings that they imported before, what they
// chose then.
import { useEffect, useState } from 'react';
import type { RecordData } from '../api/records';
import type { Resource, Schema } from '../api/schema';
import { useMe } from '../api/session';
import { readJson, writeJson } from '../app/settings';
import { textOf } from '../fields/values';
import { lastImport, type ImportColumn, type UploadedFile } from './files';
import { guessMapping, type Mapping } from './mapping';

export interface Choices {
  mapping: Mapping;
  policy: string;
  key?: string;
  automation: boolean;
}

const STORE = 'guanxi.import.choices';
interface Stored {
  fileId: string;
  choices: Choices;
}

function fromJob(job: RecordData, headings: string[]): Choices {
  const columns = (Array.isArray(job['columns']) ? job['columns'] : []) as unknown as ImportColumn[];
  return {
    mapping: headings.map((heading) => columns.find(({ column }) => column === heading)?.field),
    policy: textOf(job['policy']) || 'create',
    ...(job['key'] === undefined ? {} : { key: textOf(job['key']) }),
    automation: job['automation'] !== false,
  };
}

export function useChoices(schema: Schema, resource: Resource, file: UploadedFile, headings: string[]) {
  const me = useMe();
  const [stored, setStored] = useState<Stored>(() => {
    const kept = readJson<Stored>(STORE);
    return kept?.fileId === file.id ? kept : { fileId: file.id, choices: { mapping: guessMapping(schema, resource, headings), policy: 'create', automation: true } };
  });
  const [remembered, setRemembered] = useState(false);
  const change = (part: Partial<Choices>) => {
    const next = { fileId: file.id, choices: { ...stored.choices, ...part } };
    writeJson(STORE, next);
    setStored(next);
    setRemembered(false);
  };
  const wanted = readJson<Stored>(STORE)?.fileId === file.id ? undefined : file.headings;
  useEffect(() => {
    if (wanted === undefined) return;
    let gone = false;
    lastImport(wanted, me.id)
      .then((job) => {
        if (gone || job === undefined || textOf(job['collection']) !== resource.collection || job['columns'] === undefined) return;
        setStored({ fileId: file.id, choices: fromJob(job, headings) });
        setRemembered(true);
      })
      .catch(() => undefined); // the guess stands
    return () => {
      gone = true;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once a file
  }, [file.id]);
  return { choices: stored.choices, change, remembered };
}
