// Every change to an existing record goes through here: shown at once, rolled back when refused, undone from the toast,
// and, where someone else was faster, decided field by field by the person.
import { useQueryClient } from '@tanstack/react-query';
import { createContext, lazy, Suspense, useCallback, useContext, useMemo, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { newIdempotencyKey, Problem } from '../api/client';
import { deleteRecord, fetchRecord, keys, mapRows, patchRecord, restoreRecord, storeRecord, type Pages, type RecordData, type Values } from '../api/records';
import { findField, type Resource } from '../api/schema';
import { isSame } from '../fields/values';
import { useLabel } from '../i18n/i18n';
import { useProblemText } from '../ui/ErrorState';
import { useToast } from '../ui/Toasts';

const ConflictDialog = lazy(() => import('./ConflictDialog'));

export interface Conflict {
  resource: Resource;
  base: RecordData; // what the person saw when they began
  theirs: RecordData;
  mine: Values;
}

export interface Edit {
  // Resolves to false when the change was refused; a Problem with field errors is thrown, for the editor to show.
  save: (resource: Resource, base: RecordData, patch: Values) => Promise<boolean>;
  remove: (resource: Resource, records: RecordData[]) => Promise<void>;
  restore: (resource: Resource, records: RecordData[]) => Promise<void>;
}

const EditContext = createContext<Edit | null>(null);

export function useEdit(): Edit {
  const edit = useContext(EditContext);
  if (edit === null) throw new Error('useEdit() outside of EditProvider');
  return edit;
}

export function EditProvider({ children }: { children: ReactNode }) {
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const save = useSave(setConflict);
  const { remove, restore } = useRemove();
  const edit = useMemo(() => ({ save, remove, restore }), [save, remove, restore]);
  return (
    <EditContext.Provider value={edit}>
      {children}
      <Suspense fallback={null}>{conflict !== null && <ConflictDialog conflict={conflict} save={save} close={() => setConflict(null)} />}</Suspense>
    </EditContext.Provider>
  );
}

function useSave(setConflict: (conflict: Conflict) => void): Edit['save'] {
  const { t } = useTranslation();
  const client = useQueryClient();
  const toast = useToast();
  const label = useLabel();
  const problemText = useProblemText();

  return useCallback(
    async (resource, base, patch) => {
      const { collection } = resource;
      const show = (record: RecordData, only: RecordData['version']) => {
        const replace = (old: RecordData) => (old.id === record.id && old.version === only ? record : old);
        client.setQueryData<RecordData>(keys.record(collection, base.id), (old) => old && replace(old));
        client.setQueriesData<Pages>({ queryKey: keys.lists(collection) }, (pages) => mapRows(pages, replace));
      };
      const send = async (from: RecordData, values: Values, undoable: boolean): Promise<boolean> => {
        show({ ...from, ...values }, from.version);
        try {
          const saved = await patchRecord(collection, from.id, from.version, values);
          storeRecord(client, collection, saved);
          void client.invalidateQueries({ queryKey: keys.history(collection, from.id) });
          const names = Object.keys(values).map((name) => label(findField(resource, name)?.label));
          const before = Object.fromEntries(Object.keys(values).map((name) => [name, from[name] ?? null]));
          if (undoable) toast({ text: t('edit.saved', { names: names.join(', ') }), action: { label: t('common.undo'), run: () => void send(saved, before, false) } });
          return true;
        } catch (error) {
          show(from, from.version);
          return refused(error, from, values);
        }
      };
      const refused = async (error: unknown, from: RecordData, values: Values): Promise<boolean> => {
        if (error instanceof Problem && error.status === 412) {
          const theirs = await fetchRecord(collection, from.id);
          storeRecord(client, collection, theirs);
          if (Object.keys(values).every((name) => isSame(from[name], theirs[name]))) return send(theirs, values, true); // they changed other fields
          setConflict({ resource, base: from, theirs, mine: values });
          return true;
        }
        if (error instanceof Problem && error.errors.length > 0) throw error;
        toast({ kind: 'error', text: t('edit.failed', { reason: problemText(error) }) });
        return false;
      };
      return send(base, patch, true);
    },
    [client, label, problemText, setConflict, t, toast],
  );
}

function useRemove(): Pick<Edit, 'remove' | 'restore'> {
  const { t } = useTranslation();
  const client = useQueryClient();
  const toast = useToast();
  const problemText = useProblemText();

  return useMemo(() => {
    // Runs one request a record, and says how many went well; the rest stay as they were.
    const each = async (records: RecordData[], act: (record: RecordData) => Promise<unknown>) => {
      const results = await Promise.allSettled(records.map(act));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) toast({ kind: 'error', text: problemText(failed.reason) });
      return records.filter((_, index) => results[index]?.status === 'fulfilled');
    };
    const refresh = (collection: string) => client.invalidateQueries({ queryKey: [collection] });

    const restore: Edit['restore'] = async ({ collection }, records) => {
      const done = await each(records, (record) => restoreRecord(collection, record.id, newIdempotencyKey()));
      await refresh(collection);
      if (done.length > 0) toast({ text: t('edit.restored', { count: done.length }) });
    };
    const remove: Edit['remove'] = async (resource, records) => {
      const { collection } = resource;
      const ids = new Set(records.map((record) => record.id));
      client.setQueriesData<Pages>({ queryKey: keys.lists(collection) }, (pages) => mapRows(pages, (row) => (ids.has(row.id) ? null : row)));
      const done = await each(records, (record) => deleteRecord(collection, record));
      await refresh(collection);
      if (done.length > 0) toast({ text: t('edit.deleted', { count: done.length }), action: { label: t('common.undo'), run: () => void restore(resource, done) } });
    };
    return { remove, restore };
  }, [client, problemText, t, toast]);
}
