// What can be done with the records that are ticked, or with all that match.
import { Button } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import type { Page, RecordData } from '../api/records';
import type { Resource } from '../api/schema';
import { useFormats } from '../i18n/format';
import { useEdit } from '../record/EditProvider';
import { hasBulk, type Selection } from './bulk';
import styles from './List.module.css';
import type { ListState } from './useListState';

const BulkDialog = lazy(() => import('./BulkDialog'));

interface Props {
  resource: Resource;
  rows: RecordData[]; // that are ticked
  state: ListState;
  all: Page['page'] | undefined; // how many there are of the list
  clear: () => void;
}

const MERGED_MAX = 5; // side by side
const BY_HAND = 50; // up to so many are deleted one by one, at once; more are a job

export function BulkBar({ resource, rows, state, all, clear }: Props) {
  const { t } = useTranslation();
  const formats = useFormats();
  const { remove, restore } = useEdit();
  const navigate = useNavigate();
  const [whole, setWhole] = useState(false);
  const [dialog, setDialog] = useState<'change' | 'delete' | 'restore' | null>(null);
  const mayWrite = resource.rights?.delete === true && resource.readOnly !== true;
  const bulk = mayWrite && hasBulk(resource);
  const total = Number(all?.total ?? 0);
  const isWhole = whole && all !== undefined;
  const more = bulk && all !== undefined && (all.totalIsBound === true || total > rows.length);

  const selection: Selection = isWhole ? { list: state.ownQuery } : { ids: rows.map((row) => row.id) };
  const act = (verb: 'delete' | 'restore', byHand: (resource: Resource, rows: RecordData[]) => Promise<void>) => {
    if (bulk && (isWhole || rows.length > BY_HAND)) {
      setDialog(verb);
      return;
    }
    clear();
    void byHand(resource, rows);
  };
  const number = all?.totalIsBound === true ? t('list.atLeast', { number: formats.number(total) }) : formats.number(total);
  const title = isWhole ? t('bulk.allSelected', { number }) : t('list.selected', { count: rows.length });
  return (
    <div className={styles.bulk} role="toolbar" aria-label={title}>
      <span>{title}</span>
      {more && !isWhole && (
        <Button size="small" type="link" onClick={() => setWhole(true)}>
          {t('bulk.selectAll', { number })}
        </Button>
      )}
      {bulk && !state.deleted && (
        <Button size="small" onClick={() => setDialog('change')}>
          {t('bulk.change')}
        </Button>
      )}
      {mayWrite && !state.deleted && (
        <Button size="small" danger onClick={() => act('delete', remove)}>
          {t('common.delete')}
        </Button>
      )}
      {mayWrite && state.deleted && (
        <Button size="small" onClick={() => act('restore', restore)}>
          {t('common.restore')}
        </Button>
      )}
      {resource.collection === 'customers' && !state.deleted && !isWhole && rows.length > 1 && rows.length <= MERGED_MAX && (
        <Button size="small" onClick={() => navigate(`/customers/merge?ids=${rows.map(({ id }) => id).join(',')}`)}>
          {t('merge.open')}
        </Button>
      )}
      <Button size="small" type="text" onClick={clear}>
        {t('list.clearSelection')}
      </Button>
      <Suspense fallback={null}>
        {dialog !== null && <BulkDialog resource={resource} selection={selection} verb={dialog} close={() => setDialog(null)} started={clear} />}
      </Suspense>
    </div>
  );
}
