// Asks the least first: what is required and what is said every day; the rest is behind "more".
import { useQueryClient } from '@tanstack/react-query';
import { Button, Drawer } from 'antd';
import { useRef, useState, type FormEvent, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { newIdempotencyKey, Problem } from '../api/client';
import { createRecord, keys, type Values } from '../api/records';
import type { Field as FieldDefinition, Resource } from '../api/schema';
import { featureOf } from '../app/features';
import { complain, filledIn, textOf } from '../fields/values';
import { useInlineLabel, useLabel } from '../i18n/i18n';
import { isComposing, useOverlay } from '../keyboard/shortcuts';
import { useProblemText } from '../ui/ErrorState';
import { usePhone } from '../ui/useMediaQuery';
import { useToast } from '../ui/Toasts';
import styles from './Create.module.css';
import { FormField } from './FormField';
import { Similar } from './Similar';
import { useDraft } from './useDraft';

const FIRST_COUNT = 4;

// Required fields that have no default, the title first; then everyday ones, up to four in all.
function splitFields(resource: Resource): { first: FieldDefinition[]; more: FieldDefinition[] } {
  const asked = resource.fields.filter((field) => field.outputOnly !== true);
  const rank = (field: FieldDefinition) => (field.name === resource.title ? 0 : field.required === true ? 1 : field.more === true || ['ownerId', 'teamId'].includes(field.name) ? 3 : 2);
  const ordered = [...asked].sort((a, b) => rank(a) - rank(b));
  const count = Math.max(FIRST_COUNT, ordered.filter((field) => field.required === true).length);
  return { first: ordered.slice(0, count), more: ordered.slice(count) };
}

// When the drawer has come in: not away from whoever types already.
function focusFirst() {
  const form = document.querySelector('#create');
  if (!form?.contains(document.activeElement)) form?.querySelector<HTMLElement>('input, textarea')?.focus();
}

export default function CreateDrawer({ resource, known, close }: { resource: Resource; known: Values; close: () => void }) {
  const { t } = useTranslation();
  const inline = useInlineLabel();
  const phone = usePhone();
  const draft = useDraft(resource, known);
  const form = useSubmit(resource, draft, close);
  const { first, more } = splitFields(resource);
  const errorOutside = form.general ?? (more.some((field) => form.errorsOf(field) !== undefined) && !form.showMore ? t('form.errorsBelow') : undefined);
  useOverlay(true);

  const field = (definition: FieldDefinition) => (
    <FormField
      key={definition.name}
      field={definition}
      value={draft.values[definition.name]}
      onChange={(value) => {
        form.forget(definition.name);
        draft.change(definition.name, value);
      }}
      errors={form.errorsOf(definition)}
    />
  );
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !isComposing(event)) void form.submit(event);
  };
  return (
    <Drawer
      open
      afterOpenChange={(opened) => opened && focusFirst()}
      onClose={close}
      width={phone ? '100%' : 460}
      title={t('form.new', { name: inline(resource.label) })}
      footer={
        <div className={styles.footer}>
          <Button type="primary" htmlType="submit" form="create" loading={form.busy}>
            {t('common.save')}
          </Button>
          <Button onClick={close}>{t('form.later')}</Button>
          <span className={styles.spring} />
          {draft.restored && (
            <Button type="text" onClick={draft.discard}>
              {t('form.discard')}
            </Button>
          )}
        </div>
      }
    >
      <form id="create" noValidate className={styles.form} onSubmit={(event) => void form.submit(event)} onKeyDown={onKeyDown}>
        {draft.restored && <p className={styles.note}>{t('form.draft')}</p>}
        {first.map(field)}
        <Similar resource={resource} values={draft.values} />
        {form.showMore && more.map(field)}
        {more.length > 0 && !form.showMore && (
          <Button type="link" className={styles.more} onClick={() => form.setShowMore(true)}>
            {t('form.more', { count: more.length })}
          </Button>
        )}
        {errorOutside !== undefined && <p role="alert" className={styles.error}>{errorOutside}</p>}
      </form>
    </Drawer>
  );
}

type Errors = Record<string, string>; // by pointer

function useSubmit(resource: Resource, draft: ReturnType<typeof useDraft>, close: () => void) {
  const { t } = useTranslation();
  const label = useLabel();
  const client = useQueryClient();
  const navigate = useNavigate();
  const toast = useToast();
  const problemText = useProblemText();
  const [busy, setBusy] = useState(false);
  const [errors, setErrors] = useState<Errors>({});
  const [general, setGeneral] = useState<string>();
  const [showMore, setShowMore] = useState(false);
  const attempt = useRef({ body: '', key: '' }); // the same form sent again is the same intention

  const submit = async (event: FormEvent | KeyboardEvent) => {
    event.preventDefault();
    const body = filledIn(draft.values);
    const complaints = resource.fields.flatMap((field) => {
      const complaint = field.outputOnly === true ? undefined : complain(field, body[field.name]);
      return complaint === undefined ? [] : [[`/${field.name}`, t(complaint.key, complaint.values ?? {})]];
    });
    setErrors(Object.fromEntries(complaints) as Errors);
    setGeneral(undefined);
    if (complaints.length > 0 || busy) return;

    const text = JSON.stringify(body);
    if (attempt.current.body !== text) attempt.current = { body: text, key: newIdempotencyKey() };
    setBusy(true);
    try {
      const record = await createRecord(resource.collection, body, attempt.current.key);
      client.setQueryData(keys.record(resource.collection, record.id), record);
      void client.invalidateQueries({ queryKey: keys.lists(resource.collection) });
      draft.discard();
      close();
      const next = featureOf(resource.collection).afterCreate?.(record.id);
      if (next !== undefined) navigate(next);
      toast({ text: t('form.created', { name: textOf(record[resource.title]) || label(resource.label) }), action: { label: t('form.open'), run: () => navigate(`/${resource.collection}/${record.id}`) } });
    } catch (problem) {
      const known = problem instanceof Problem ? problem.errors.filter(({ pointer }) => resource.fields.some(({ name }) => pointer === `/${name}` || pointer.startsWith(`/${name}/`))) : [];
      setErrors(Object.fromEntries(known.map(({ pointer, message }) => [pointer, message])));
      if (known.length === 0) setGeneral(problemText(problem));
    } finally {
      setBusy(false);
    }
  };

  const errorsOf = (field: FieldDefinition): Errors | undefined => {
    const below = Object.entries(errors).filter(([pointer]) => pointer === `/${field.name}` || pointer.startsWith(`/${field.name}/`));
    return below.length === 0 ? undefined : Object.fromEntries(below.map(([pointer, message]) => [pointer.slice(field.name.length + 1), message]));
  };
  const forget = (name: string) => setErrors((old) => Object.fromEntries(Object.entries(old).filter(([pointer]) => pointer !== `/${name}` && !pointer.startsWith(`/${name}/`))));
  return { submit, busy, general, showMore, setShowMore, errorsOf, forget };
}
