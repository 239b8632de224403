// The filter of a list, put together from conditions, with what it finds as it stands. What is kept is the text of a list's address.
import { Button, Input } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { findField, useSchema, type Resource } from '../api/schema';
import { ConditionFields } from '../list/ConditionFields';
import { formatRule, isComplete, parseRule, type Filter } from '../list/filter';
import { CloseOutlined, PlusOutlined } from '../ui/icons';
import type { EditorProps } from './FieldEditor';
import { RuleMatches } from './RuleMatches';
import styles from './RuleEditor.module.css';
import { textOf } from './values';

export default function RuleEditor(props: EditorProps) {
  const { t } = useTranslation();
  const resource = useSchema().find(props.field.filterOf ?? '');
  const text = textOf(props.value);
  const filters = parseRule(text);
  const [byHand] = useState(() => resource === undefined || filters === undefined || filters.some(({ field }) => findField(resource, field)?.filter === undefined));
  if (!byHand && resource !== undefined) return <Conditions {...props} resource={resource} initial={filters ?? []} />;
  return (
    <>
      <Input.TextArea {...props.input} autoFocus={props.autoFocus} autoSize value={text} maxLength={props.field.maxLength} onChange={(event) => props.onChange(event.target.value)} />
      <p className={styles.note}>{t('rule.byHand')}</p>
    </>
  );
}

interface Row {
  key: number;
  filter: Filter | undefined;
  isNew: boolean;
}

// Conditions that are not complete yet are kept here; the text has the complete ones.
function Conditions({ resource, initial, onChange, input, autoFocus }: EditorProps & { resource: Resource; initial: Filter[] }) {
  const { t } = useTranslation();
  const [rows, setRows] = useState<Row[]>(() => initial.map((filter, key) => ({ key, filter, isNew: false })));
  const rule = formatRule(rows.map(({ filter }) => filter).filter(isComplete));
  const keep = (next: Row[]) => {
    setRows(next);
    onChange(formatRule(next.map(({ filter }) => filter).filter(isComplete)));
  };
  const add = () => setRows([...rows, { key: Math.max(-1, ...rows.map(({ key }) => key)) + 1, filter: undefined, isNew: true }]);
  return (
    <div className={styles.rule} role="group" aria-label={input['aria-label'] ?? t('rule.title')}>
      {rows.map((row, at) => (
        <div key={row.key} className={styles.condition} role="group" aria-label={t('rule.condition', { number: at + 1 })}>
          {at > 0 && <span className={styles.and}>{t('rule.and')}</span>}
          <ConditionFields resource={resource} filter={row.filter} change={(filter) => keep(rows.map((old) => (old.key === row.key ? { ...old, filter } : old)))} id={`${input.id}-${row.key}`} open={row.isNew && row.filter === undefined} focus={row.isNew} />
          <Button type="text" icon={<CloseOutlined />} aria-label={t('rule.remove', { number: at + 1 })} onClick={() => keep(rows.filter(({ key }) => key !== row.key))} />
        </div>
      ))}
      <Button id={rows.length === 0 ? input.id : undefined} aria-describedby={input['aria-describedby']} autoFocus={autoFocus === true && rows.length === 0} size="small" icon={<PlusOutlined />} className={styles.add} onClick={add}>
        {t('rule.add')}
      </Button>
      {rule !== '' && <RuleMatches resource={resource} rule={rule} />}
    </div>
  );
}
