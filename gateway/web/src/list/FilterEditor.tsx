// One condition: which field, how, what. What a field can be asked comes from the schema.
import { Button, Input, Select } from 'antd';
import { lazy, Suspense, useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { findField, useSchema, type Field, type Operator, type Resource } from '../api/schema';
import { ManyEditor } from '../fields/ManyEditor';
import { ReferenceSelect } from '../fields/ReferenceSelect';
import { useLabel } from '../i18n/i18n';
import styles from './List.module.css';
import type { Filter } from './useListState';

const DateEditor = lazy(() => import('../fields/DateEditor'));

interface Props {
  resource: Resource;
  initial?: Filter;
  done: (filter: Filter) => void;
}

const isTime = (field: Field) => field.type === 'timestamp' || field.type === 'date' || field.format === 'date';

// What one most likely means, first.
function firstOperator(field: Field): Operator {
  if (field.repeated === true) return 'any';
  const liked: Operator[] = field.type === 'enum' ? ['in', 'eq'] : isTime(field) ? ['gte', 'gt'] : field.type === 'string' && field.reference === undefined ? ['contains', 'eq'] : ['eq'];
  return liked.find((operator) => field.filter?.includes(operator)) ?? field.filter?.[0] ?? 'eq';
}

// Of what the API can be asked, what a person would: no lists of ids, no moment to the microsecond, no order among words.
const ASKED: Record<'time' | 'text' | 'choice' | 'several' | 'other', readonly Operator[]> = {
  several: ['any', 'all', 'none', 'isNull'],
  time: ['gte', 'lt', 'isNull'],
  text: ['contains', 'eq', 'ne', 'isNull'],
  choice: ['in', 'ne', 'isNull'],
  other: ['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'isNull'],
};

function operatorsOf(field: Field): Operator[] {
  const kind = field.repeated === true ? 'several' : isTime(field) ? 'time' : field.type === 'enum' ? 'choice' : field.type === 'string' && field.reference === undefined ? 'text' : 'other';
  return ASKED[kind].filter((operator) => field.filter?.includes(operator) === true);
}

export default function FilterEditor({ resource, initial, done }: Props) {
  const { t } = useTranslation();
  const label = useLabel();
  const fields = resource.fields.filter((field) => field.filter !== undefined && field.filter.length > 0);
  const [filter, setFilter] = useState<Filter | undefined>(initial);
  const field = filter && findField(resource, filter.field);

  const chooseField = (name: string) => {
    const next = findField(resource, name);
    if (next !== undefined) setFilter({ field: name, operator: firstOperator(next), values: next.type === 'boolean' ? ['true'] : [] });
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (filter !== undefined && filter.values.length > 0 && filter.values.every((value) => value !== '')) done(filter);
  };

  return (
    <form className={styles.filterEditor} onSubmit={submit}>
      <Select
        showSearch
        autoFocus={initial === undefined}
        defaultOpen={initial === undefined}
        optionFilterProp="search"
        aria-label={t('filter.field')}
        placeholder={t('filter.field')}
        value={filter?.field}
        options={fields.map((option) => ({ value: option.name, label: label(option.label), search: `${option.label.en} ${option.label.zh}` }))}
        onChange={chooseField}
      />
      {filter !== undefined && field !== undefined && (
        <>
          <Select
            aria-label={t('filter.operator')}
            value={filter.operator}
            options={operatorsOf(field).map((operator) => ({ value: operator, label: t(isTime(field) && `filter.time.${operator}` in TIME_KEYS ? `filter.time.${operator}` : `filter.op.${operator}`) }))}
            onChange={(operator) => setFilter({ ...filter, operator, values: operator === 'isNull' ? ['true'] : filter.operator === 'in' || filter.operator === 'isNull' ? [] : filter.values })}
          />
          <ValueInput field={field} filter={filter} change={(values) => setFilter({ ...filter, values })} />
          <Button type="primary" htmlType="submit" disabled={filter.values.length === 0}>
            {t('filter.apply')}
          </Button>
        </>
      )}
    </form>
  );
}

const TIME_KEYS = { 'filter.time.lt': 1, 'filter.time.lte': 1, 'filter.time.gt': 1, 'filter.time.gte': 1 };

function ValueInput({ field, filter, change }: { field: Field; filter: Filter; change: (values: string[]) => void }) {
  const { t } = useTranslation();
  const label = useLabel();
  const schema = useSchema();
  const input = { id: 'filter-value', 'aria-label': t('filter.value') };
  const one = filter.values[0];

  if (filter.operator === 'isNull' || field.type === 'boolean') {
    const options = ['true', 'false'].map((value) => ({ value, label: t(value === 'true' ? 'common.yes' : 'common.no') }));
    return <Select {...input} value={one ?? 'true'} options={options} onChange={(value: string) => change([value])} />;
  }
  if (field.repeated === true) return <ManyEditor field={field} value={filter.values} onChange={(value) => change(Array.isArray(value) ? value.map(String) : [])} input={input} autoFocus />;
  if (field.type === 'enum') {
    const options = (schema.enumOf(field)?.values ?? []).filter(({ name }) => name !== 'unspecified').map(({ name, label: text }) => ({ value: name, label: label(text) }));
    if (filter.operator === 'in') return <Select {...input} mode="multiple" autoFocus placeholder={t('field.choose')} value={filter.values} options={options} onChange={(values: string[]) => change(values)} />;
    return <Select {...input} autoFocus placeholder={t('field.choose')} value={one} options={options} onChange={(value: string) => change([value])} />;
  }
  if (field.reference !== undefined) return <ReferenceSelect collection={field.reference} value={one} onChange={(id) => change(id === undefined ? [] : [id])} input={input} autoFocus />;
  if (isTime(field))
    return (
      <Suspense fallback={<Input disabled />}>
        <DateEditor field={field} value={one} onChange={(value) => change(typeof value === 'string' ? [value] : [])} input={input} />
      </Suspense>
    );
  return <Input {...input} autoFocus placeholder={t('filter.value')} inputMode={field.type === 'long' || field.type === 'integer' ? 'numeric' : 'text'} value={one ?? ''} onChange={(event) => change(event.target.value === '' ? [] : [event.target.value])} />;
}
