// Undoes a change to many, after a question.
import { Button, Popconfirm } from 'antd';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import type { RecordData } from '../api/records';
import { useProblemText } from '../ui/ErrorState';
import { useToast } from '../ui/Toasts';
import { canUndo, undo } from './job';
import styles from './Job.module.css';

export function Undo({ job }: { job: RecordData }) {
  const { t } = useTranslation();
  const toast = useToast();
  const problemText = useProblemText();
  const navigate = useNavigate();
  if (!canUndo(job)) return null;
  const run = () =>
    undo(job)
      .then((made) => navigate(`/jobs/${made.id}`))
      .catch((error: unknown) => toast({ kind: 'error', text: problemText(error) }));
  return (
    <Popconfirm title={t('job.undo')} description={<div className={styles.confirm}>{t('job.undoHelp')}</div>} okText={t('job.undo')} cancelText={t('common.cancel')} onConfirm={() => void run()}>
      <Button>{t('job.undo')}</Button>
    </Popconfirm>
  );
}
