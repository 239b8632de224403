// Records that look like the one being entered, before there are two of them.
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { query as apiQuery } from '../api/query';
import { useList, type Values } from '../api/records';
import { findField, type Resource } from '../api/schema';
import { textOf } from '../fields/values';
import { useDebounced } from '../ui/useDelayed';
import styles from './Create.module.css';

const MIN_LENGTH = 2;
const LIMIT = 3;
const DEBOUNCE_MS = 300;

export function Similar({ resource, values }: { resource: Resource; values: Values }) {
  const { t } = useTranslation();
  const title = useDebounced(textOf(values[resource.title]).trim(), DEBOUNCE_MS);
  const searchable = findField(resource, resource.title)?.search === true && resource.parent === undefined;
  const query = apiQuery({ q: title, limit: String(LIMIT) });
  const { data, isPlaceholderData } = useList(resource.collection, query, searchable && title.length >= MIN_LENGTH);
  const found = title.length < MIN_LENGTH || isPlaceholderData ? [] : (data?.pages[0]?.data ?? []);
  if (found.length === 0) return null;
  return (
    <div className={styles.similar} role="status">
      <p>{t('form.similar', { count: found.length })}</p>
      <ul>
        {found.map((record) => (
          <li key={record.id}>
            <Link to={`/${resource.collection}/${record.id}`} target="_blank">
              {textOf(record[resource.title])}
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}
