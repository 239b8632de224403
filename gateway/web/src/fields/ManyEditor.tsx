// Several values of one kind: tags that are in use or new, choices, records of another collection.
import { Select } from 'antd';
import { useState, type KeyboardEvent } from 'react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { request } from '../api/client';
import { query as apiQuery } from '../api/query';
import { useList } from '../api/records';
import { useSchema } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import { selectProps } from '../ui/Field';
import { useDebounced } from '../ui/useDelayed';
import type { EditorProps } from './FieldEditor';
import styles from './FieldValue.module.css';
import { colourOf, useTitleOf } from './title';

const DEBOUNCE_MS = 120;
const LIMIT = '100';

const textsOf = (value: EditorProps['value']): string[] => (Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []);

function useTags(typed: string) {
  const q = useDebounced(typed.trim(), DEBOUNCE_MS);
  return useQuery({
    queryKey: ['customers', 'tags', q],
    queryFn: async ({ signal }) => (await request<{ tags?: { tag: string }[] }>('GET', `/api/v1/customers:tags?${apiQuery({ q })}`, { signal })).data.tags ?? [],
    placeholderData: (previous) => previous,
  });
}

function TagsEditor({ field, value, onChange, input, autoFocus }: EditorProps) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState('');
  const { data } = useTags(typed);
  return (
    <Select
      {...selectProps(input)}
      mode="tags"
      autoFocus={autoFocus}
      maxCount={field.maxItems}
      tokenSeparators={[',', '，', ';', '；']}
      placeholder={t('field.tags')}
      value={textsOf(value)}
      onSearch={setTyped}
      options={(data ?? []).map(({ tag }) => ({ value: tag, label: tag }))}
      onChange={(next: string[]) => onChange(next.map((tag) => tag.trim().slice(0, field.maxLength)).filter((tag) => tag !== ''))}
    />
  );
}

function ChoicesEditor({ field, value, onChange, input, autoFocus }: EditorProps) {
  const { t } = useTranslation();
  const label = useLabel();
  const values = useSchema().enumOf(field)?.values ?? [];
  return (
    <Select
      {...selectProps(input)}
      mode="multiple"
      autoFocus={autoFocus}
      optionFilterProp="search"
      placeholder={t('field.choose')}
      value={textsOf(value)}
      options={values.map((entry) => ({ value: entry.name, label: label(entry.label), search: `${entry.label.en} ${entry.label.zh}` }))}
      onChange={(next: string[]) => onChange(next)}
    />
  );
}

function ReferencesEditor({ field, value, onChange, input, autoFocus }: EditorProps) {
  const { t } = useTranslation();
  const schema = useSchema();
  const titleOf = useTitleOf();
  const resource = schema.find(field.reference ?? '');
  const { data } = useList(field.reference ?? '', apiQuery({ limit: LIMIT }));
  const records = data?.pages[0]?.data ?? [];
  return (
    <Select
      {...selectProps(input)}
      mode="multiple"
      autoFocus={autoFocus}
      optionFilterProp="label"
      placeholder={t('field.choose')}
      value={textsOf(value)}
      options={records.map((record) => ({ value: record.id, label: titleOf(resource, record), colour: colourOf(schema, resource, record) }))}
      optionRender={({ label, data: { colour } }) => (colour === undefined ? label : <span className={styles.tag} data-colour={colour}>{label}</span>)}
      onChange={(next: string[]) => onChange(next)}
    />
  );
}

// Tab leaves, which saves; an open Select would take it for a choice.
const leaveTab = (event: KeyboardEvent) => {
  if (event.key === 'Tab') event.stopPropagation();
};

export function ManyEditor(props: EditorProps) {
  const Editor = props.field.reference !== undefined ? ReferencesEditor : props.field.type === 'enum' ? ChoicesEditor : TagsEditor;
  return (
    <div onKeyDownCapture={leaveTab}>
      <Editor {...props} />
    </div>
  );
}
