// A pair from the queue: the same screen as any merge, and the answer that it is none.
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useParams } from 'react-router-dom';
import { useRecord } from '../api/records';
import { useSchema } from '../api/schema';
import { FieldValue } from '../fields/FieldValue';
import { textOf } from '../fields/values';
import { useEdit } from '../record/EditProvider';
import { useListPath } from '../shell/shellContext';
import { ErrorState } from '../ui/ErrorState';
import { Skeleton } from '../ui/Skeleton';
import { Merge } from './MergeScreen';
import styles from './Merge.module.css';

export default function DuplicateScreen() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const resource = useSchema().find('duplicates');
  const navigate = useNavigate();
  const left = useListPath()('duplicates');
  const { save } = useEdit();
  const { data, error, refetch } = useRecord('duplicates', id, 0);
  if (error !== null) return <ErrorState error={error} retry={() => void refetch()} />;
  if (data === undefined || resource === undefined) return <Skeleton rows={10} />;
  const state = resource.fields.find(({ name }) => name === 'state');
  if (data['state'] !== 'open' && state !== undefined)
    return (
      <section className={styles.screen}>
        <h1>{textOf(data['names'])}</h1>
        <p><FieldValue field={state} value={data['state']} /></p>
        <p><Link to={left}>{t('merge.back')}</Link></p>
      </section>
    );
  const dismiss = () => void save(resource, data, { state: 'dismissed' }).then((saved) => saved && navigate(left.includes('?') ? left : '/duplicates?filter[state][in]=open'));
  return <Merge ids={[textOf(data['customerId']), textOf(data['otherId'])]} dismiss={dismiss} />;
}
