// "Stage is Active or Lost": a condition in words.
import { Fragment } from 'react';
import { useTranslation } from 'react-i18next';
import { findField, useSchema, type Field, type Resource } from '../api/schema';
import { useMe } from '../api/session';
import { PhoneNumber } from '../fields/PhoneNumber';
import { ReferenceName } from '../fields/ReferenceName';
import { useFormats } from '../i18n/format';
import { useLabel } from '../i18n/i18n';
import { isTime, operatorKey, type Filter } from './filter';

export function FilterSentence({ resource, filter }: { resource: Resource; filter: Filter }) {
  const { t } = useTranslation();
  const label = useLabel();
  const field = findField(resource, filter.field);
  if (field === undefined) return <>{t('filter.unknown', { name: filter.field })}</>;
  if (filter.operator === 'isNull') return <>{t(filter.values[0] === 'false' ? 'filter.filled' : 'filter.empty', { field: label(field.label) })}</>;
  if (field.type === 'boolean') return <>{t('filter.flag', { field: label(field.label), value: t((filter.operator === 'eq') === (filter.values[0] === 'true') ? 'common.yes' : 'common.no') })}</>;
  return (
    <>
      {label(field.label)} {t(operatorKey(field, filter.operator))} <FilterValues field={field} values={filter.values} every={filter.operator === 'all'} />
    </>
  );
}

function FilterValues({ field, values, every }: { field: Field; values: string[]; every: boolean }) {
  const { t } = useTranslation();
  return (
    <b>
      {values.map((value, index) => (
        <Fragment key={value}>
          {index > 0 && t(every ? 'filter.and' : 'filter.or')}
          <FilterOneValue field={field} value={value} />
        </Fragment>
      ))}
    </b>
  );
}

const DAY_LENGTH = '2026-11-21'.length;

function FilterOneValue({ field, value }: { field: Field; value: string }) {
  const { t } = useTranslation();
  const label = useLabel();
  const formats = useFormats();
  const schema = useSchema();
  const me = useMe();
  if (field.reference !== undefined) return value === me.id ? <>{t('filter.me')}</> : <ReferenceName collection={field.reference} id={value} plain />;
  if (field.type === 'enum') return <>{label(schema.enumOf(field)?.values.find(({ name }) => name === value)?.label) || value}</>;
  if (field.format === 'phone') return <PhoneNumber number={value} />;
  if (isTime(field)) return <>{value.length === DAY_LENGTH ? formats.day(value) : formats.date(value)}</>;
  return <>{value}</>;
}
