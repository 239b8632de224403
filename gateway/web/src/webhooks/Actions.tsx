// What can be done about a webhook. Each says what came of it.
import { Button } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router-dom';
import { newIdempotencyKey, request } from '../api/client';
import type { RecordData } from '../api/records';
import { useFormats } from '../i18n/format';
import { useProblemText } from '../ui/ErrorState';
import { HistoryOutlined, KeyOutlined, PauseCircleOutlined, PlayCircleOutlined, SendOutlined } from '../ui/icons';
import { useToast } from '../ui/Toasts';
import styles from './Webhook.module.css';

const SecretDialog = lazy(() => import('./SecretDialog'));
const ReplayDialog = lazy(() => import('./ReplayDialog'));

interface Tested {
  ok?: boolean;
  status?: number;
  durationMs?: number;
  error?: string;
}
interface Resumed {
  waiting?: string;
  givenUp?: string;
}

export function Actions({ webhook, refresh }: { webhook: RecordData; refresh: () => void }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const toast = useToast();
  const problemText = useProblemText();
  const [search, setSearch] = useSearchParams();
  const [busy, setBusy] = useState<string>();
  const [replaying, setReplaying] = useState(false);
  const active = webhook['state'] === 'active';

  const run = async <T,>(verb: string, tell: (reply: T) => string) => {
    setBusy(verb);
    try {
      const { data } = await request<T>('POST', `/api/v1/webhooks/${webhook.id}:${verb}`, { body: {}, idempotencyKey: newIdempotencyKey() });
      toast({ text: tell(data) });
      refresh();
    } catch (error) {
      toast({ kind: 'error', text: problemText(error) });
    }
    setBusy(undefined);
  };
  const test = () => run<Tested>('test', (reply) => (reply.ok === true ? t('webhook.tested', { status: reply.status ?? 0, ms: reply.durationMs ?? 0 }) : t('webhook.testFailed', { error: reply.error ?? '' })));
  const resume = () => run<Resumed>('resume', (reply) => t('webhook.resumed', { waiting: Number(reply.waiting ?? 0), givenUp: Number(reply.givenUp ?? 0), number: formats.number(Number(reply.waiting ?? 0)) }));

  return (
    <div className={styles.actions}>
      <Button icon={<SendOutlined />} loading={busy === 'test'} onClick={() => void test()}>
        {t('webhook.test')}
      </Button>
      {active ? (
        <Button icon={<PauseCircleOutlined />} loading={busy === 'pause'} onClick={() => void run('pause', () => t('webhook.paused'))}>
          {t('webhook.pause')}
        </Button>
      ) : (
        <Button type="primary" icon={<PlayCircleOutlined />} loading={busy === 'resume'} onClick={() => void resume()}>
          {t('webhook.resume')}
        </Button>
      )}
      <Button icon={<HistoryOutlined />} onClick={() => setReplaying(true)}>
        {t('webhook.replay')}
      </Button>
      <Button icon={<KeyOutlined />} onClick={() => setSearch({ secret: 'true' }, { replace: true })}>
        {t('webhook.secret')}
      </Button>
      <Suspense fallback={null}>
        {search.get('secret') === 'true' && <SecretDialog webhook={webhook} close={() => setSearch({}, { replace: true })} />}
        {replaying && <ReplayDialog webhook={webhook} close={() => setReplaying(false)} />}
      </Suspense>
    </div>
  );
}
