import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { Problem } from '../api/client';
import { useRecord } from '../api/records';
import { useSchema } from '../api/schema';
import { textOf } from './values';

const STALE_MS = 5 * 60_000; // live events bring changes of what is shown sooner

// The title of the record that an id refers to.
export function ReferenceName({ collection, id, plain }: { collection: string; id: string; plain: boolean }) {
  const { t } = useTranslation();
  const schema = useSchema();
  const { data, error } = useRecord(collection, id, STALE_MS);
  const title = schema.find(collection)?.title ?? 'name';
  if (error !== null) return <>{t(error instanceof Problem && error.status === 404 ? 'reference.hidden' : 'reference.unknown')}</>;
  const name = textOf(data?.[title]);
  return plain || data === undefined ? <>{name}</> : <Link to={`/${collection}/${id}`}>{name}</Link>;
}
