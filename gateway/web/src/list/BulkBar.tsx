import { Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import type { RecordData } from '../api/records';
import type { Resource } from '../api/schema';
import { useEdit } from '../record/EditProvider';
import styles from './List.module.css';

const MERGED_MAX = 5; // side by side

export function BulkBar({ resource, rows, deleted, clear }: { resource: Resource; rows: RecordData[]; deleted: boolean; clear: () => void }) {
  const { t } = useTranslation();
  const { remove, restore } = useEdit();
  const navigate = useNavigate();
  const mayDelete = resource.rights?.delete === true && resource.readOnly !== true;
  const run = (action: (resource: Resource, rows: RecordData[]) => Promise<void>) => {
    clear();
    void action(resource, rows);
  };
  return (
    <div className={styles.bulk} role="toolbar" aria-label={t('list.selected', { count: rows.length })}>
      <span>{t('list.selected', { count: rows.length })}</span>
      {mayDelete && !deleted && (
        <Button size="small" danger onClick={() => run(remove)}>
          {t('common.delete')}
        </Button>
      )}
      {mayDelete && deleted && (
        <Button size="small" onClick={() => run(restore)}>
          {t('common.restore')}
        </Button>
      )}
      {resource.collection === 'customers' && !deleted && rows.length > 1 && rows.length <= MERGED_MAX && (
        <Button size="small" onClick={() => navigate(`/customers/merge?ids=${rows.map(({ id }) => id).join(',')}`)}>
          {t('merge.open')}
        </Button>
      )}
      <Button size="small" type="text" onClick={clear}>
        {t('list.clearSelection')}
      </Button>
    </div>
  );
}
