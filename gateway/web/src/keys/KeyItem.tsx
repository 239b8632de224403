import { Button, Modal, Tag } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { request } from '../api/client';
import type { RecordData } from '../api/records';
import { ReferenceName } from '../fields/ReferenceName';
import { isEmpty, textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import { useOverlay } from '../keyboard/shortcuts';
import { useProblemText } from '../ui/ErrorState';
import { useToast } from '../ui/Toasts';
import styles from './Keys.module.css';
import { useScopeName } from './scopes';

export function KeyItem({ apiKey, changed }: { apiKey: RecordData; changed: () => void }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const scopeName = useScopeName();
  const [ending, setEnding] = useState(false);
  const name = textOf(apiKey['name']);
  const expires = textOf(apiKey['expireTime']);
  const isOver = new Date(expires).getTime() <= Date.now();
  const scopes = Array.isArray(apiKey['scopes']) ? apiKey['scopes'].map(String) : [];

  return (
    <li className={styles.key}>
      <div className={styles.head}>
        <h2 className={styles.name}>{name}</h2>
        <code className={styles.beginning}>{`${textOf(apiKey['beginning'])}…`}</code>
        <Button className={styles.revoke} danger onClick={() => setEnding(true)} aria-label={t('keys.revokeNamed', { name })}>
          {t('keys.revoke')}
        </Button>
      </div>
      <p className={styles.scopes}>
        {scopes.map((scope) => (
          <Tag key={scope}>{scopeName(scope)}</Tag>
        ))}
      </p>
      <dl className={styles.facts}>
        <div>
          <dt>{t('keys.owner')}</dt>
          <dd>
            <ReferenceName collection="users" id={textOf(apiKey['ownerId'])} plain={false} />
          </dd>
        </div>
        <div>
          <dt>{t('keys.expires')}</dt>
          <dd data-over={isOver}>{isOver ? t('keys.expired', { time: formats.dateTime(expires) }) : formats.dateTime(expires)}</dd>
        </div>
        <div>
          <dt>{t('keys.used')}</dt>
          <dd>{isEmpty(apiKey['usedTime']) ? t('keys.neverUsed') : formats.dateTime(textOf(apiKey['usedTime']))}</dd>
        </div>
      </dl>
      {ending && <Revoke id={apiKey.id} name={name} done={changed} close={() => setEnding(false)} />}
    </li>
  );
}

function Revoke({ id, name, done, close }: { id: string; name: string; done: () => void; close: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const problemText = useProblemText();
  const [busy, setBusy] = useState(false);
  useOverlay(true);

  const revoke = async () => {
    setBusy(true);
    try {
      await request('DELETE', `/api/v1/apiKeys/${id}`, {});
      toast({ text: t('keys.revoked', { name }) });
      done();
      close();
    } catch (error) {
      toast({ kind: 'error', text: problemText(error) });
      setBusy(false);
    }
  };
  return (
    <Modal open title={t('keys.revokeQuestion', { name })} okText={t('keys.revoke')} okButtonProps={{ danger: true, loading: busy }} onOk={() => void revoke()} onCancel={close}>
      <p>{t('keys.revokeHelp')}</p>
    </Modal>
  );
}
