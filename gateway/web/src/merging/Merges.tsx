// The customers that became part of this one, and the way back.
import { Button, Popconfirm } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { formatQuery, query } from '../api/query';
import { useList, type RecordData } from '../api/records';
import type { Resource } from '../api/schema';
import { ReferenceName } from '../fields/ReferenceName';
import { isEmpty, textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import related from '../record/Related.module.css';
import { UndoOutlined } from '../ui/icons';
import { useUnmerge } from './useUnmerge';
import styles from './Merge.module.css';

const SHOWN = '20';
const idsOf = (merge: RecordData): string[] => (Array.isArray(merge['otherIds']) ? merge['otherIds'].filter((id): id is string => typeof id === 'string') : []);

export function Merges({ resource, record }: { resource: Resource; record: RecordData }) {
  const { t } = useTranslation();
  const { data } = useList('merges', query({ 'filter[customerId][eq]': record.id, sort: '-createTime', limit: SHOWN }));
  const merges = data?.pages[0]?.data ?? [];
  if (merges.length === 0) return null;
  return (
    <section className={related.section} aria-label={t('merge.list')}>
      <div className={related.heading}>
        <h2>{t('merge.list')}</h2>
      </div>
      <ul className={related.list}>
        {merges.map((merge) => (
          <MergeItem key={merge.id} merge={merge} mayUndo={resource.rights?.update === true && isEmpty(record['deleteTime'])} />
        ))}
      </ul>
    </section>
  );
}

function MergeItem({ merge, mayUndo }: { merge: RecordData; mayUndo: boolean }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const unmerge = useUnmerge();
  const [busy, setBusy] = useState(false);
  const undone = !isEmpty(merge['undoTime']);
  const time = textOf(merge[undone ? 'undoTime' : 'createTime']);
  const undo = async () => {
    setBusy(true);
    await unmerge(textOf(merge['customerId']), merge.id);
    setBusy(false);
  };
  return (
    <li className={styles.merge}>
      <span>
        {undone ? idsOf(merge).map((id) => <span key={id} className={styles.merged}><ReferenceName collection="customers" id={id} plain={false} /></span>) : <MergedNames ids={idsOf(merge)} />}
        <span className={related.meta}>
          <time dateTime={time} title={formats.dateTime(time)}>{t(undone ? 'merge.undoneAt' : 'merge.doneAt', { time: formats.ago(time) })}</time>
        </span>
      </span>
      {mayUndo && !undone && (
        <Popconfirm title={t('merge.undoTitle')} description={<div className={styles.confirm}>{t('merge.undoHelp')}</div>} okText={t('merge.undo')} cancelText={t('common.cancel')} onConfirm={() => void undo()}>
          <Button type="text" size="small" icon={<UndoOutlined />} loading={busy}>
            {t('merge.undo')}
          </Button>
        </Popconfirm>
      )}
    </li>
  );
}

// A merged record is asked for among the deleted ones: by its id one gets the record that it became part of.
function MergedNames({ ids }: { ids: string[] }) {
  const { data } = useList('customers', formatQuery([{ name: 'deleted', values: ['true'] }, { name: 'filter[id][in]', values: ids }]));
  return (
    <>
      {(data?.pages[0]?.data ?? []).map((customer) => (
        <span key={customer.id} className={styles.merged}>{textOf(customer['name'])}</span>
      ))}
    </>
  );
}
