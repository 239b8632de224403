// One condition: which field, how, what. What a field can be asked comes from the schema.
import { Select } from 'antd';
import { useTranslation } from 'react-i18next';
import { findField, type Operator, type Resource } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import { newFilter, operatorKey, operatorsOf, type Filter } from './filter';
import { ValueInput } from './ValueInput';

interface Props {
  resource: Resource;
  filter: Filter | undefined;
  change: (filter: Filter) => void;
  id: string; // of the value's input
  open: boolean; // the choice of fields shows itself at once
  focus: boolean; // on the value, when it shows
}

export function ConditionFields({ resource, filter, change, id, open, focus }: Props) {
  const { t } = useTranslation();
  const label = useLabel();
  const fields = resource.fields.filter((field) => field.filter !== undefined && field.filter.length > 0);
  const field = filter && findField(resource, filter.field);
  const chooseField = (name: string) => {
    const next = findField(resource, name);
    if (next !== undefined) change(newFilter(next));
  };
  const chooseOperator = (old: Filter, operator: Operator) =>
    change({ ...old, operator, values: operator === 'isNull' ? ['true'] : old.operator === 'in' || old.operator === 'isNull' ? [] : old.values });

  return (
    <>
      <Select
        showSearch
        autoFocus={open}
        defaultOpen={open}
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
            options={operatorsOf(field, filter.operator).map((operator) => ({ value: operator, label: t(operatorKey(field, operator)) }))}
            onChange={(operator: Operator) => chooseOperator(filter, operator)}
          />
          <ValueInput key={`${filter.field}.${filter.operator}`} id={id} field={field} filter={filter} change={(values) => change({ ...filter, values })} autoFocus={focus} />
        </>
      )}
    </>
  );
}
