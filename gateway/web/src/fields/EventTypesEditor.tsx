// Types of events: the definition knows which there are, so they can be chosen.
import { Select } from 'antd';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { eventPrefix } from '../api/live';
import { useSchema, type Resource, type Schema } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import { selectProps } from '../ui/Field';
import type { EditorProps } from './FieldEditor';

const VERBS = ['created', 'updated', 'deleted', 'restored'] as const;
const OWN = 'guanxi.notification.'; // webhooks are not told of themselves

interface Choice {
  value: string;
  label: string;
  search: string;
}

function useEventTypes(schema: Schema): Choice[] {
  const { t } = useTranslation();
  const label = useLabel();
  return useMemo(() => {
    const choice = (value: string, text: string): Choice => ({ value, label: `${text} · ${value}`, search: `${text} ${value}`.toLowerCase() });
    const of = (resource: Resource) => [
      choice(`${eventPrefix(resource)}.*`, t('event.any', { name: label(resource.label) })),
      ...VERBS.map((verb) => choice(`${eventPrefix(resource)}.${verb}.v1`, t(`event.${verb}`, { name: label(resource.label) }))),
    ];
    return schema.resources.filter((resource) => !resource.name.startsWith(OWN)).flatMap(of);
  }, [schema, t, label]);
}

export default function EventTypesEditor({ field, value, onChange, input, autoFocus }: EditorProps) {
  const { t } = useTranslation();
  const types = useEventTypes(useSchema());
  return (
    <Select
      {...selectProps(input)}
      mode="tags"
      autoFocus={autoFocus}
      maxCount={field.maxItems}
      tokenSeparators={[',', '\n']}
      placeholder={t('event.all')}
      value={Array.isArray(value) ? value.map(String) : []}
      options={types}
      filterOption={(typed, option) => option?.search.includes(typed.toLowerCase()) ?? false}
      tagRender={({ value: tag, closable, onClose }) => (
        <Tag text={String(tag)} remove={closable ? onClose : undefined} name={t('common.delete')} />
      )}
      onChange={(next: string[]) => onChange(next)}
    />
  );
}

function Tag({ text, remove, name }: { text: string; remove: (() => void) | undefined; name: string }) {
  return (
    <span className="ant-select-selection-item">
      <span className="ant-select-selection-item-content" title={text}>
        {text}
      </span>
      {remove !== undefined && (
        <span className="ant-select-selection-item-remove" role="button" aria-label={`${name} ${text}`} onClick={remove}>
          ×
        </span>
      )}
    </span>
  );
}
