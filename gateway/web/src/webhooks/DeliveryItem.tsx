// One delivery, with its tries behind it.
import { Button } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { newIdempotencyKey, request } from '../api/client';
import type { MessageValue, RecordData } from '../api/records';
import type { Field } from '../api/schema';
import { FieldValue } from '../fields/FieldValue';
import { ReferenceName } from '../fields/ReferenceName';
import { isEmpty, textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import { useProblemText } from '../ui/ErrorState';
import { ReloadOutlined } from '../ui/icons';
import { useToast } from '../ui/Toasts';
import styles from './Webhook.module.css';

export function DeliveryItem({ delivery, state, refresh }: { delivery: RecordData; state: Field | undefined; refresh: () => void }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const tries = Array.isArray(delivery['tries']) ? (delivery['tries'] as MessageValue[]) : [];
  const last = tries[tries.length - 1];
  const [collection, id] = textOf(delivery['subject']).split('/');
  return (
    <li className={styles.delivery}>
      <details>
        <summary className={styles.summary}>
          {state !== undefined && <FieldValue field={state} value={delivery['state']} />}
          <span className={styles.type}>{textOf(delivery['type']).replace(/^guanxi\./, '')}</span>
          <span className={styles.subject}>
            <ReferenceName collection={collection ?? ''} id={id ?? ''} plain />
          </span>
          {delivery['replayed'] === true && <span className={styles.mark}>{t('webhook.replayed')}</span>}
          {last?.['error'] !== undefined && delivery['state'] !== 'delivered' && <span className={styles.error}>{String(last['error'])}</span>}
          <time className={styles.time} dateTime={textOf(delivery['createTime'])} title={formats.dateTime(textOf(delivery['createTime']))}>
            {formats.ago(textOf(delivery['createTime']))}
          </time>
        </summary>
        <div className={styles.detail}>
          <p className={styles.note}>
            <Link to={`/${textOf(delivery['subject'])}`}>{t('webhook.openRecord')}</Link> {t('webhook.id')} <code>{delivery.id}</code>
          </p>
          {delivery['state'] === 'waiting' && !isEmpty(delivery['nextTime']) && <p className={styles.note}>{t('webhook.nextTry', { time: formats.dateTime(textOf(delivery['nextTime'])) })}</p>}
          <ol className={styles.tries}>
            {tries.map((one, index) => (
              <Try key={index} one={one} />
            ))}
          </ol>
          <Redeliver delivery={delivery} refresh={refresh} />
        </div>
      </details>
    </li>
  );
}

function Try({ one }: { one: MessageValue }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const outcome = one['error'] ?? `HTTP ${String(one['status'] ?? '')}`;
  return (
    <li>
      <time dateTime={String(one['time'])}>{formats.dateTime(String(one['time']))}</time> {t('webhook.try', { outcome: String(outcome), ms: formats.number(Number(one['durationMs'] ?? 0)) })}
      {one['answer'] !== undefined && <pre className={styles.answer}>{String(one['answer'])}</pre>}
    </li>
  );
}

function Redeliver({ delivery, refresh }: { delivery: RecordData; refresh: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const problemText = useProblemText();
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    try {
      await request('POST', `/api/v1/deliveries/${delivery.id}:redeliver`, { body: {}, idempotencyKey: newIdempotencyKey() });
      refresh();
    } catch (error) {
      toast({ kind: 'error', text: problemText(error) });
    }
    setBusy(false);
  };
  return (
    <Button size="small" icon={<ReloadOutlined />} loading={busy} onClick={() => void run()}>
      {t('webhook.redeliver')}
    </Button>
  );
}
