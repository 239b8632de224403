// What happened, what to do, and the trace id to hand to whoever runs the system.
import { Button } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useLocation } from 'react-router-dom';
import { Problem } from '../api/client';
import styles from './ErrorState.module.css';

// A sentence for any failure, in the person's language. The server's own words come first: they know the most.
export function useProblemText(): (error: unknown) => string {
  const { t } = useTranslation();
  return (error) => {
    if (!(error instanceof Problem)) return t('error.unexpected');
    if (error.status === 0) return t('error.unreachable');
    const detail = error.errors.length > 0 ? error.errors.map((field) => field.message).join(' ') : error.detail;
    return detail ?? (error.title === '' ? t('error.status', { status: error.status }) : error.title);
  };
}

export function TraceId({ id }: { id: string }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  return (
    <p className={styles.trace}>
      <span>{t('error.trace')}</span> <code>{id}</code>
      <Button size="small" type="text" onClick={() => void navigator.clipboard.writeText(id).then(() => setCopied(true))}>
        {t(copied ? 'common.copied' : 'common.copy')}
      </Button>
    </p>
  );
}

// The list that the record is not in.
function ToList() {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  return <Link to={pathname.slice(0, pathname.lastIndexOf('/')) || '/'}>{t('error.toList')}</Link>;
}

export function ErrorState({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  const text = useProblemText()(error);
  const notFound = error instanceof Problem && error.status === 404;
  return (
    <div className={styles.state} role="alert">
      <h2 className={styles.title}>{t(notFound ? 'error.notFound' : 'error.title')}</h2>
      <p className={styles.detail}>{notFound ? t('error.notFoundDetail') : text}</p>
      {retry && !notFound && <Button onClick={retry}>{t('common.retry')}</Button>}
      {notFound && <ToList />}
      {error instanceof Problem && error.traceId !== undefined && <TraceId id={error.traceId} />}
    </div>
  );
}
