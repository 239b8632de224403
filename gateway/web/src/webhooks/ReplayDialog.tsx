// Delivers past events again, from a time on.
import { Input, Modal, Radio } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { newIdempotencyKey, request } from '../api/client';
import type { RecordData } from '../api/records';
import { isEmpty, textOf } from '../fields/values';
import { useOverlay } from '../keyboard/shortcuts';
import { useProblemText } from '../ui/ErrorState';
import { Field } from '../ui/Field';
import { useToast } from '../ui/Toasts';
import styles from './Webhook.module.css';

const HOUR_MS = 3_600_000;
type Choice = 'failing' | 'hour' | 'day' | 'time' | 'earliest';

const before = (ms: number) => new Date(Date.now() - ms).toISOString();

export default function ReplayDialog({ webhook, close }: { webhook: RecordData; close: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const problemText = useProblemText();
  const failingSince = isEmpty(webhook['failingSince']) ? undefined : textOf(webhook['failingSince']);
  const choices: Choice[] = [...(failingSince === undefined ? [] : (['failing'] as const)), 'hour', 'day', 'time', 'earliest'];
  const [choice, setChoice] = useState<Choice>(choices[0] ?? 'hour');
  const [time, setTime] = useState('');
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  useOverlay(true);

  const from = (): string => {
    const starts: Record<Choice, () => string> = {
      failing: () => failingSince ?? '',
      hour: () => before(HOUR_MS),
      day: () => before(24 * HOUR_MS),
      time: () => new Date(time).toISOString(),
      earliest: () => 'earliest',
    };
    return starts[choice]();
  };
  const start = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await request('POST', `/api/v1/webhooks/${webhook.id}:replay`, { body: { from: from() }, idempotencyKey: newIdempotencyKey() });
      toast({ text: t('webhook.replayStarted') });
      close();
    } catch (problem) {
      setError(problemText(problem));
      setBusy(false);
    }
  };
  return (
    <Modal open title={t('webhook.replay')} okText={t('webhook.replayStart')} cancelText={t('common.cancel')} okButtonProps={{ loading: busy, disabled: choice === 'time' && time === '' }} onOk={() => void start()} onCancel={close}>
      <p className={styles.note}>{t('webhook.replayWhy')}</p>
      <Radio.Group className={styles.choices} aria-label={t('webhook.replayFrom')} value={choice} onChange={(event) => setChoice(event.target.value as Choice)} options={choices.map((value) => ({ value, label: t(`webhook.from.${value}`) }))} />
      {choice === 'time' && (
        <Field label={t('webhook.replayFrom')}>{(input) => <Input {...input} type="datetime-local" value={time} onChange={(event) => setTime(event.target.value)} />}</Field>
      )}
      {error !== undefined && <p role="alert" className={styles.error}>{error}</p>}
    </Modal>
  );
}
