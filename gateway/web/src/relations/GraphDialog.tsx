import { Modal, Segmented } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useOverlay } from '../keyboard/shortcuts';
import { Skeleton } from '../ui/Skeleton';
import { useGraph } from './api';
import RelationChart from './RelationChart';
import { useEdgeLabel } from './Relations';
import styles from './Relations.module.css';

const DEPTHS = [1, 2, 3];

export default function GraphDialog({ id, close }: { id: string; close: () => void }) {
  const { t } = useTranslation();
  const [depth, setDepth] = useState(2);
  const { data } = useGraph(id, depth);
  const labelOf = useEdgeLabel();
  useOverlay(true);
  return (
    <Modal open width="min(1100px, 96vw)" title={t('relations.chart')} footer={null} onCancel={close}>
      <div className={styles.tools}>
        <span>{t('relations.depth')}</span>
        <Segmented value={depth} options={DEPTHS} onChange={setDepth} />
        {data?.truncated === true && <span>{t('relations.truncated')}</span>}
      </div>
      {data === undefined ? <Skeleton rows={6} /> : <RelationChart graph={data} labelOf={(edge) => labelOf(edge)} />}
    </Modal>
  );
}
