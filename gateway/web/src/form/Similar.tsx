// Records that look like the one being entered, before there are two of them.
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { query as apiQuery } from '../api/query';
import { useList, type Value, type Values } from '../api/records';
import { findField, useSchema, type Resource } from '../api/schema';
import { textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import { useLabel } from '../i18n/i18n';
import { useCandidates, type Candidate } from '../relations/api';
import { useDebounced } from '../ui/useDelayed';
import styles from './Create.module.css';

const MIN_LENGTH = 2;
const LIMIT = 3;
const DEBOUNCE_MS = 300;

export function Similar({ resource, values }: { resource: Resource; values: Values }) {
  return resource.collection === 'customers' ? <SameCustomers values={values} /> : <SameTitle resource={resource} values={values} />;
}

function SameTitle({ resource, values }: { resource: Resource; values: Values }) {
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

// The last one is the one being typed.
function lastPart(value: Value, part: string): string {
  const last = Array.isArray(value) ? value[value.length - 1] : undefined;
  return typeof last === 'object' ? textOf(last[part]).trim() : '';
}

function SameCustomers({ values }: { values: Values }) {
  const { t } = useTranslation();
  const name = textOf(values['name']).trim();
  const asked = useDebounced(
    JSON.stringify({ name: name.length < MIN_LENGTH ? '' : name, phone: lastPart(values['phones'], 'number'), email: lastPart(values['emails'], 'address'), creditCode: textOf(values['creditCode']).trim() }),
    DEBOUNCE_MS,
  );
  const { data = [] } = useCandidates(JSON.parse(asked) as Record<string, string>);
  if (data.length === 0) return null;
  return (
    <div className={styles.similar} role="status">
      <p>{t('form.similar', { count: data.length })}</p>
      <ul>
        {data.slice(0, LIMIT).map((candidate, index) => (
          <li key={candidate.id ?? index}>
            <OneAlike candidate={candidate} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function OneAlike({ candidate }: { candidate: Candidate }) {
  const { t } = useTranslation();
  const label = useLabel();
  const formats = useFormats();
  const schema = useSchema();
  const reason = schema.find('duplicates')?.fields.find(({ name }) => name === 'reason');
  const names = (candidate.reasons ?? []).map((value) => label((reason && schema.enumOf(reason)?.values.find(({ name }) => name === value))?.label));
  return (
    <>
      {candidate.id === undefined ? t('form.hidden') : <Link to={`/customers/${candidate.id}`} target="_blank">{candidate.name}</Link>}{' '}
      <small>
        {t('form.common', { what: formats.and(names) })}
        {candidate.ownerName !== undefined && ` · ${candidate.ownerName}`}
      </small>
    </>
  );
}
