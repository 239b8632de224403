// What a condition compares with, entered as its field wants it.
import { Input, Select } from 'antd';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { useSchema, type Field } from '../api/schema';
import { ManyEditor } from '../fields/ManyEditor';
import { ReferenceSelect } from '../fields/ReferenceSelect';
import { useLabel } from '../i18n/i18n';
import { isTime, type Filter } from './filter';

const DateEditor = lazy(() => import('../fields/DateEditor'));

interface Props {
  field: Field;
  filter: Filter;
  change: (values: string[]) => void;
  id: string;
  autoFocus?: boolean;
}

export function ValueInput({ field, filter, change, id, autoFocus = false }: Props) {
  const { t } = useTranslation();
  const label = useLabel();
  const schema = useSchema();
  const input = { id, 'aria-label': t('filter.value') };
  const one = filter.values[0];

  if (filter.operator === 'isNull' || field.type === 'boolean') {
    const options = ['true', 'false'].map((value) => ({ value, label: t(value === 'true' ? 'common.yes' : 'common.no') }));
    return <Select {...input} value={one ?? 'true'} options={options} onChange={(value: string) => change([value])} />;
  }
  if (field.repeated === true) return <ManyEditor field={field} value={filter.values} onChange={(value) => change(Array.isArray(value) ? value.map(String) : [])} input={input} autoFocus={autoFocus} />;
  if (field.type === 'enum') {
    const options = (schema.enumOf(field)?.values ?? []).filter(({ name }) => name !== 'unspecified').map(({ name, label: text }) => ({ value: name, label: label(text) }));
    if (filter.operator === 'in') return <Select {...input} mode="multiple" autoFocus={autoFocus} placeholder={t('field.choose')} value={filter.values} options={options} onChange={(values: string[]) => change(values)} />;
    return <Select {...input} autoFocus={autoFocus} placeholder={t('field.choose')} value={one} options={options} onChange={(value: string) => change([value])} />;
  }
  if (field.reference !== undefined) return <ReferenceSelect collection={field.reference} value={one} onChange={(id) => change(id === undefined ? [] : [id])} input={input} autoFocus={autoFocus} />;
  if (isTime(field))
    return (
      <Suspense fallback={<Input disabled />}>
        <DateEditor field={field} value={one} onChange={(value) => change(typeof value === 'string' ? [value] : [])} input={input} />
      </Suspense>
    );
  return <Input {...input} autoFocus={autoFocus} placeholder={t('filter.value')} inputMode={field.type === 'long' || field.type === 'integer' ? 'numeric' : 'text'} value={one ?? ''} onChange={(event) => change(event.target.value === '' ? [] : [event.target.value])} />;
}
