// The secret with which an endpoint checks signatures: made on asking, shown once.
import { Button, Input, Modal } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { request } from '../api/client';
import type { RecordData } from '../api/records';
import { useFormats } from '../i18n/format';
import { useOverlay } from '../keyboard/shortcuts';
import { useProblemText } from '../ui/ErrorState';
import { Field } from '../ui/Field';
import { useToast } from '../ui/Toasts';
import styles from './Webhook.module.css';

interface Secret {
  secret: string;
  previousExpireTime?: string;
}

export default function SecretDialog({ webhook, close }: { webhook: RecordData; close: () => void }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const toast = useToast();
  const problemText = useProblemText();
  const [made, setMade] = useState<Secret>();
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  useOverlay(true);

  const make = async () => {
    setBusy(true);
    setError(undefined);
    try {
      setMade((await request<Secret>('POST', `/api/v1/webhooks/${webhook.id}:rotateSecret`, { body: {} })).data);
    } catch (problem) {
      setError(problemText(problem));
    }
    setBusy(false);
  };
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(made?.secret ?? '');
      toast({ text: t('common.copied') });
    } catch {
      toast({ kind: 'error', text: t('webhook.copyByHand') });
    }
  };
  const footer =
    made === undefined
      ? [
          <Button key="later" onClick={close}>{t('common.cancel')}</Button>,
          <Button key="make" type="primary" autoFocus loading={busy} onClick={() => void make()}>{t('webhook.makeSecret')}</Button>,
        ]
      : [
          <Button key="copy" onClick={() => void copy()}>{t('common.copy')}</Button>,
          <Button key="done" type="primary" onClick={close}>{t('webhook.secretKept')}</Button>,
        ];
  return (
    <Modal open title={t('webhook.secret')} footer={footer} onCancel={close} maskClosable={made === undefined}>
      {made === undefined ? (
        <p className={styles.note}>{t('webhook.secretWhy')}</p>
      ) : (
        <Field label={t('webhook.secretOnce')} help={made.previousExpireTime === undefined ? t('webhook.secretUse') : t('webhook.secretOld', { time: formats.dateTime(made.previousExpireTime) })}>
          {(input) => <Input {...input} readOnly className={styles.secret} value={made.secret} onFocus={(event) => event.target.select()} />}
        </Field>
      )}
      {error !== undefined && <p role="alert" className={styles.error}>{error}</p>}
    </Modal>
  );
}
