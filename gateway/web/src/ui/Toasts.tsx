// Short messages at the foot of the screen, with at most one thing to do: undo, mostly.
import { CloseOutlined } from './icons';
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import styles from './Toasts.module.css';

export interface Toast {
  text: string;
  kind?: 'info' | 'error';
  action?: { label: string; run: () => void };
}
interface Shown extends Toast {
  id: number;
}

const VISIBLE_MS = 8000;
const ToastContext = createContext<(toast: Toast) => void>(() => undefined);

export const useToast = () => useContext(ToastContext);

export function ToastProvider({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Shown[]>([]);
  const nextId = useRef(1);
  const show = useCallback((toast: Toast) => {
    const id = nextId.current++;
    setShown((old) => [...old.slice(-2), { ...toast, id }]);
  }, []);
  const close = useCallback((id: number) => setShown((old) => old.filter((toast) => toast.id !== id)), []);

  return (
    <ToastContext.Provider value={show}>
      {children}
      <div className={styles.stack} role="status" aria-live="polite">
        {shown.map((toast) => (
          <ToastItem key={toast.id} toast={toast} close={close} />
        ))}
      </div>
    </ToastContext.Provider>
  );
}

function ToastItem({ toast, close }: { toast: Shown; close: (id: number) => void }) {
  const { t } = useTranslation();
  const [held, setHeld] = useState(false); // the pointer or the focus is on it: it stays
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(() => close(toast.id), VISIBLE_MS);
    return () => clearTimeout(timer);
  }, [held, close, toast.id]);
  const hold = useMemo(
    () => ({ onMouseEnter: () => setHeld(true), onMouseLeave: () => setHeld(false), onFocus: () => setHeld(true), onBlur: () => setHeld(false) }),
    [],
  );

  return (
    <div className={styles.toast} data-kind={toast.kind ?? 'info'} {...hold}>
      <span className={styles.text}>{toast.text}</span>
      {toast.action && (
        <button
          type="button"
          className={styles.action}
          onClick={() => {
            toast.action?.run();
            close(toast.id);
          }}
        >
          {toast.action.label}
        </button>
      )}
      <button type="button" className={styles.close} aria-label={t('common.close')} onClick={() => close(toast.id)}>
        <CloseOutlined />
      </button>
    </div>
  );
}
