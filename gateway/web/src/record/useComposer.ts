import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { newIdempotencyKey } from '../api/client';
import { createRecord, keys, type Values } from '../api/records';
import { findField } from '../api/schema';
import { useMe } from '../api/session';
import { readJson, writeJson } from '../app/settings';
import { useProblemText } from '../ui/ErrorState';
import { useToast } from '../ui/Toasts';
import type { ActivityLink } from './activityLink';

export interface ComposerDraft {
  kind: string;
  text: string;
  due: string | undefined; // of a task
  next: string; // the next step, in words; empty: none
  nextDue: string | undefined;
}

const EMPTY: ComposerDraft = { kind: 'note', text: '', due: undefined, next: '', nextDue: undefined };
const SUBJECT_LIMIT = 200;

// The first line names the activity. One that is too long to be a name is cut there and stands whole in the content.
function splitText(text: string, limit: number): { subject: string; body: string | undefined } {
  const lines = text.trim().split('\n');
  const first = (lines[0] ?? '').trim();
  const letters = Array.from(first);
  if (letters.length > limit) return { subject: `${letters.slice(0, limit - 1).join('')}…`, body: text.trim() };
  const body = lines.slice(1).join('\n').trim();
  return { subject: first, body: body === '' ? undefined : body };
}

export function useComposer(link: ActivityLink, recordId: string) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const toast = useToast();
  const me = useMe();
  const problemText = useProblemText();
  const key = `guanxi.composer.${recordId}`;
  const [draft, setDraft] = useState<ComposerDraft>(() => ({ ...EMPTY, ...readJson<Partial<ComposerDraft>>(key) }));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  // Two records, two keys, kept until both are made: sending again after a failure repeats neither.
  const intention = useRef({ text: '', activity: '', task: '' });

  const change = useCallback(
    (part: Partial<ComposerDraft>) =>
      setDraft((old) => {
        const next = { ...old, ...part };
        writeJson(key, next.text === '' && next.next === '' ? undefined : next);
        return next;
      }),
    [key],
  );

  const submit = async () => {
    if (busy || draft.text.trim() === '') return;
    const limit = findField(link.activities, 'subject')?.maxLength ?? SUBJECT_LIMIT;
    const written = JSON.stringify(draft);
    if (intention.current.text !== written) intention.current = { text: written, activity: newIdempotencyKey(), task: newIdempotencyKey() };
    const activity: Values = { ...link.known, kind: draft.kind, ownerId: me.id, ...splitText(draft.text, limit), ...(draft.kind === 'task' ? { dueTime: draft.due } : {}) };
    setBusy(true);
    setError(undefined);
    try {
      await createRecord('activities', activity, intention.current.activity);
      if (draft.kind !== 'task' && draft.next.trim() !== '')
        await createRecord('activities', { ...link.known, kind: 'task', ownerId: me.id, ...splitText(draft.next, limit), dueTime: draft.nextDue }, intention.current.task);
      change(EMPTY);
      toast({ text: t('composer.saved') });
      await client.invalidateQueries({ queryKey: keys.lists('activities') });
    } catch (problem) {
      setError(problemText(problem));
    } finally {
      setBusy(false);
    }
  };
  return { draft, change, submit, busy, error };
}
