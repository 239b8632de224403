// One field of a change to many: which, how, to what.
import { Button, Select } from 'antd';
import { useTranslation } from 'react-i18next';
import type { Field } from '../api/schema';
import { FieldEditor } from '../fields/FieldEditor';
import { useLabel } from '../i18n/i18n';
import { CloseOutlined } from '../ui/icons';
import type { FieldChange, Mode } from './bulk';
import styles from './List.module.css';

interface Props {
  fields: Field[];
  change: FieldChange | undefined;
  set: (change: FieldChange | undefined) => void;
  remove: (() => void) | undefined;
}

const modesOf = (field: Field): Mode[] => [...(field.repeated === true ? (['add', 'remove'] as const) : []), 'set', ...(field.required === true ? [] : (['clear'] as const))];

export function BulkField({ fields, change, set, remove }: Props) {
  const { t } = useTranslation();
  const label = useLabel();
  const choose = (name: string) => {
    const field = fields.find((one) => one.name === name);
    if (field !== undefined) set({ field, mode: modesOf(field)[0] ?? 'set', value: field.type === 'boolean' ? true : undefined });
  };
  return (
    <div className={styles.bulkField}>
      <Select
        showSearch
        autoFocus={change === undefined}
        optionFilterProp="search"
        aria-label={t('bulk.field')}
        placeholder={t('bulk.field')}
        value={change?.field.name}
        options={fields.map((field) => ({ value: field.name, label: label(field.label), search: `${field.label.en} ${field.label.zh}` }))}
        onChange={choose}
      />
      {change !== undefined && (
        <>
          <Select aria-label={t('bulk.how')} value={change.mode} options={modesOf(change.field).map((mode) => ({ value: mode, label: t(`bulk.mode.${mode}`) }))} onChange={(mode: Mode) => set({ ...change, mode })} />
          {change.mode !== 'clear' && <FieldEditor key={change.field.name} field={change.field} value={change.value} onChange={(value) => set({ ...change, value })} input={{ id: `bulk-${change.field.name}`, 'aria-label': label(change.field.label) }} />}
        </>
      )}
      {remove && <Button type="text" icon={<CloseOutlined />} aria-label={t('bulk.removeField')} onClick={remove} />}
    </div>
  );
}
