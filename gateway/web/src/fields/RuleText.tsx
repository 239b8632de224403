// A rule in words: "Stage is Active and Employees is at least 100".
import { Fragment } from 'react';
import { useTranslation } from 'react-i18next';
import { useSchema } from '../api/schema';
import { parseRule } from '../list/filter';
import { FilterSentence } from '../list/FilterSentence';
import styles from './FieldValue.module.css';

export function RuleText({ collection, text }: { collection: string; text: string }) {
  const { t } = useTranslation();
  const resource = useSchema().find(collection);
  const filters = parseRule(text);
  if (resource === undefined || filters === undefined) return <code>{text}</code>;
  return (
    <span className={styles.rule}>
      {filters.map((filter, index) => (
        <Fragment key={index}>
          {index > 0 && t('filter.and')}
          <span>
            <FilterSentence resource={resource} filter={filter} />
          </span>
        </Fragment>
      ))}
    </span>
  );
}
