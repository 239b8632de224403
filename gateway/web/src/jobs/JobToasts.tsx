// Work in the background that this person started, at the foot of the screen until it has ended: how far it is, what came of
// it, and the way back. It survives a reload; leaving it ends nothing.
import { useQuery } from '@tanstack/react-query';
import { Progress } from 'antd';
import { createContext, useCallback, useContext, useEffect, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { fetchRecord, keys } from '../api/records';
import { CloseOutlined } from '../ui/icons';
import { useProblemText } from '../ui/ErrorState';
import { useToast } from '../ui/Toasts';
import { canUndo, isRunning, undo, useJobText } from './job';
import styles from './Job.module.css';

const POLL_MS = 1000; // events tell sooner; this is for when they do not come
const ENDED_MS = 15_000;
const KEY = 'guanxi.jobs';

const WatchContext = createContext<(id: string) => void>(() => undefined);
export const useWatchJob = () => useContext(WatchContext);

function stored(): string[] {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? '[]') as string[];
  } catch {
    return []; // closed or damaged storage: nothing is watched
  }
}

export function JobToasts({ children }: { children: ReactNode }) {
  const [ids, setIds] = useState(stored);
  const watch = useCallback((id: string) => setIds((old) => [...old.filter((other) => other !== id).slice(-2), id]), []);
  const close = useCallback((id: string) => setIds((old) => old.filter((other) => other !== id)), []);
  useEffect(() => {
    try {
      sessionStorage.setItem(KEY, JSON.stringify(ids));
    } catch {
      // Closed storage: they are watched until the page is left.
    }
  }, [ids]);
  return (
    <WatchContext.Provider value={watch}>
      {children}
      <div className={styles.toasts} role="status" aria-live="polite">
        {ids.map((id) => (
          <JobToast key={id} id={id} watch={watch} close={close} />
        ))}
      </div>
    </WatchContext.Provider>
  );
}

function JobToast({ id, watch, close }: { id: string; watch: (id: string) => void; close: (id: string) => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const problemText = useProblemText();
  const text = useJobText();
  const { data: job, isError } = useQuery({
    queryKey: keys.record('jobs', id),
    queryFn: () => fetchRecord('jobs', id),
    refetchInterval: ({ state }) => (state.data === undefined || isRunning(state.data) ? POLL_MS : false),
  });
  const [held, setHeld] = useState(false); // the pointer or the focus is on it: it stays
  const ended = isError || (job !== undefined && !isRunning(job));

  useEffect(() => {
    if (!ended || held) return;
    const timer = setTimeout(() => close(id), ENDED_MS);
    return () => clearTimeout(timer);
  }, [ended, held, close, id]);
  if (job === undefined) return null;
  const back = () =>
    undo(job)
      .then((made) => {
        close(id);
        watch(made.id);
      })
      .catch((error: unknown) => toast({ kind: 'error', text: problemText(error) }));
  const [done, total] = [Number(job['done'] ?? 0), Number(job['total'] ?? 0)];
  return (
    <div className={styles.toast} onMouseEnter={() => setHeld(true)} onMouseLeave={() => setHeld(false)} onFocus={() => setHeld(true)} onBlur={() => setHeld(false)}>
      <div className={styles.toastText}>
        <Link to={`/jobs/${id}`}>{text(job)}</Link>
        {!ended && <Progress percent={total > 0 ? Math.floor((done / total) * 100) : 0} size="small" showInfo={false} aria-label={t('job.progress')} />}
      </div>
      {canUndo(job) && (
        <button type="button" className={styles.toastAction} onClick={() => void back()}>
          {t('common.undo')}
        </button>
      )}
      <button type="button" className={styles.toastClose} aria-label={t('common.close')} onClick={() => close(id)}>
        <CloseOutlined />
      </button>
    </div>
  );
}
