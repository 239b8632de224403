import { Button } from 'antd';
import { useTranslation } from 'react-i18next';
import type { RecordData } from '../api/records';
import type { Resource } from '../api/schema';
import { textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import { useEdit } from './EditProvider';
import styles from './Record.module.css';

export function DeletedBanner({ resource, record }: { resource: Resource; record: RecordData }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const { restore } = useEdit();
  return (
    <div className={styles.deleted} role="status">
      {t('record.deleted', { time: formats.dateTime(textOf(record['deleteTime'])) })}
      {resource.rights?.delete === true && (
        <Button size="small" onClick={() => void restore(resource, [record])}>
          {t('common.restore')}
        </Button>
      )}
    </div>
  );
}
