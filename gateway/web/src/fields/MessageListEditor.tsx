// Phones, e-mails, addresses: rows of a few parts each.
import { DeleteOutlined, PlusOutlined } from '../ui/icons';
import { Button, Checkbox, Input, Select } from 'antd';
import { useTranslation } from 'react-i18next';
import type { MessageValue, Scalar } from '../api/records';
import { useSchema, type Field } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import styles from './MessageListEditor.module.css';

interface Props {
  id: string;
  field: Field;
  value: MessageValue[];
  onChange: (value: MessageValue[]) => void;
  errors: Record<string, string>;
  autoFocus?: boolean;
}

export function MessageListEditor({ id, field, value, onChange, errors, autoFocus }: Props) {
  const { t } = useTranslation();
  const label = useLabel();
  const parts = useSchema().messageFields(field);
  const rows = value.length === 0 ? [{}] : value;
  const change = (index: number, name: string, next: Scalar | undefined) => onChange(rows.map((row, at) => (at === index ? { ...row, [name]: next } : row)));

  return (
    <div className={styles.list} role="group" aria-label={label(field.label)}>
      {rows.map((row, index) => (
        <div key={index} className={styles.row} data-wide={parts.length > 2}>
          {parts.map((part, at) => (
            <Part
              key={part.name}
              id={index === 0 && at === firstText(parts) ? id : undefined}
              field={part}
              value={row[part.name]}
              autoFocus={autoFocus === true && index === rows.length - 1 && at === firstText(parts)}
              error={errors[`/${index}/${part.name}`]}
              onChange={(next) => change(index, part.name, next)}
            />
          ))}
          <Button type="text" icon={<DeleteOutlined />} aria-label={t('field.removeRow', { number: index + 1 })} onClick={() => onChange(rows.filter((_, other) => other !== index))} />
        </div>
      ))}
      {(field.maxItems === undefined || rows.length < field.maxItems) && (
        <Button type="text" size="small" icon={<PlusOutlined />} className={styles.add} onClick={() => onChange([...rows, {}])}>
          {t('field.addRow')}
        </Button>
      )}
    </div>
  );
}

const firstText = (parts: Field[]) => parts.findIndex((part) => part.type === 'string');

interface PartProps {
  id?: string;
  field: Field;
  value: MessageValue[string];
  onChange: (value: Scalar | undefined) => void;
  error?: string;
  autoFocus?: boolean;
}

function Part({ id, field, value, onChange, error, autoFocus }: PartProps) {
  const label = useLabel();
  const schema = useSchema();
  const named = field.fieldOf === undefined ? undefined : schema.find(field.fieldOf)?.fields.filter(({ outputOnly }) => outputOnly !== true);
  const values = named ?? schema.enumOf(field)?.values.filter(({ name }) => name !== 'unspecified');
  const common = { id, 'aria-label': label(field.label), 'aria-invalid': error === undefined ? undefined : true };
  if (field.type === 'boolean') return <Checkbox className={styles.flag} checked={value === true} onChange={(event) => onChange(event.target.checked || undefined)}>{label(field.label)}</Checkbox>;
  const asTyped = (text: string) => (field.type === 'integer' && /^\d{1,9}$/.test(text) ? Number(text) : text);
  return (
    <div className={field.type === 'enum' ? styles.kind : styles.text}>
      {values === undefined ? (
        <Input {...common} autoFocus={autoFocus} autoComplete="off" placeholder={label(field.label)} maxLength={field.maxLength} status={error === undefined ? '' : 'error'} value={String(value ?? '')} onChange={(event) => onChange(asTyped(event.target.value))} />
      ) : (
        <Select
          {...common}
          allowClear
          showSearch={named !== undefined}
          optionFilterProp="label"
          popupMatchSelectWidth={false}
          placeholder={label(field.label)}
          value={typeof value === 'string' ? value : undefined}
          options={values.map((entry) => ({ value: entry.name, label: label(entry.label) }))}
          onChange={(next: string | undefined) => onChange(next)}
        />
      )}
      {error !== undefined && <p role="alert" className={styles.error}>{error}</p>}
    </div>
  );
}
