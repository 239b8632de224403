// One condition of the list, to be applied.
import { Button } from 'antd';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { Resource } from '../api/schema';
import { ConditionFields } from './ConditionFields';
import { isComplete, type Filter } from './filter';
import styles from './List.module.css';

interface Props {
  resource: Resource;
  initial?: Filter;
  done: (filter: Filter) => void;
}

export default function FilterEditor({ resource, initial, done }: Props) {
  const { t } = useTranslation();
  const [filter, setFilter] = useState<Filter | undefined>(initial);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isComplete(filter)) done(filter);
  };
  return (
    <form className={styles.filterEditor} onSubmit={submit}>
      <ConditionFields resource={resource} filter={filter} change={setFilter} id="filter-value" open={initial === undefined} focus />
      {filter !== undefined && (
        <Button type="primary" htmlType="submit" disabled={!isComplete(filter)}>
          {t('filter.apply')}
        </Button>
      )}
    </form>
  );
}
