import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { Problem } from '../api/client';
import { useRecord } from '../api/records';
import { useSchema } from '../api/schema';
import styles from './FieldValue.module.css';
import { colourOf, useTitleOf } from './title';

const STALE_MS = 5 * 60_000; // live events bring changes of what is shown sooner

// The title of the record that an id refers to; of what has a colour, as a chip of that colour.
export function ReferenceName({ collection, id, plain }: { collection: string; id: string; plain: boolean }) {
  const { t } = useTranslation();
  const schema = useSchema();
  const titleOf = useTitleOf();
  const { data, error } = useRecord(collection, id, STALE_MS);
  const resource = schema.find(collection);
  if (error !== null) return <>{t(error instanceof Problem && error.status === 404 ? 'reference.hidden' : 'reference.unknown')}</>;
  const name = titleOf(resource, data);
  const colour = colourOf(schema, resource, data);
  const shown = colour === undefined ? name : <span className={styles.tag} data-colour={colour}>{name}</span>;
  return plain || data === undefined ? <>{shown}</> : <Link to={`/${collection}/${id}`}>{shown}</Link>;
}
