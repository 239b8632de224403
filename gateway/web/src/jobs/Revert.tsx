// Undoing an import: says what will happen before it does, and leads to the job that does it.
import { UndoOutlined } from '../ui/icons';
import { Button, Modal } from 'antd';
import { useRef, useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router-dom';
import { newIdempotencyKey, request } from '../api/client';
import { query } from '../api/query';
import { keys, useList, type RecordData } from '../api/records';
import { textOf } from '../fields/values';
import { useOverlay } from '../keyboard/shortcuts';
import { useProblemText } from '../ui/ErrorState';
import { numberOf } from './job';
import styles from './Job.module.css';

export function Revert({ job }: { job: RecordData }) {
  const { t } = useTranslation();
  const [asking, setAsking] = useState(false);
  const undone = useList('jobs', query({ 'filter[revertsId][eq]': job.id, sort: '-createTime', limit: '1' }));
  const earlier = undone.isPlaceholderData ? undefined : undone.data?.pages[0]?.data[0];
  if (earlier !== undefined && !['failed', 'cancelled'].includes(textOf(earlier['state']))) return <Link to={`/jobs/${earlier.id}`}>{t('job.wasUndone')}</Link>;
  return (
    <>
      <Button icon={<UndoOutlined />} onClick={() => setAsking(true)}>
        {t('job.undo')}
      </Button>
      {asking && <Confirm job={job} close={() => setAsking(false)} />}
    </>
  );
}

function Confirm({ job, close }: { job: RecordData; close: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const client = useQueryClient();
  const problemText = useProblemText();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const key = useRef(newIdempotencyKey());
  useOverlay(true);

  const run = async () => {
    setBusy(true);
    try {
      const { data } = await request<RecordData>('POST', `/api/v1/jobs/${job.id}:revert`, { body: {}, idempotencyKey: key.current });
      void client.invalidateQueries({ queryKey: keys.lists('jobs') });
      navigate(`/jobs/${data.id}`);
    } catch (problem) {
      setError(problemText(problem));
      setBusy(false);
    }
  };
  return (
    <Modal open title={t('job.undoTitle')} okText={t('job.undo')} cancelText={t('common.cancel')} okButtonProps={{ danger: true, loading: busy }} onOk={() => void run()} onCancel={close}>
      <p>{t('job.undoDeletes', { count: numberOf(job, 'created') })}</p>
      {numberOf(job, 'updated') > 0 && <p>{t('job.undoRestores', { count: numberOf(job, 'updated') })}</p>}
      <p>{t('job.undoKeeps')}</p>
      {error !== undefined && <p role="alert" className={styles.problem}>{error}</p>}
    </Modal>
  );
}
