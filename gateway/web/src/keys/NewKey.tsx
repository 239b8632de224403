// A name, what the key may do, for how long; then its secret, shown this once.
import { Button, Input, Modal, Select } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem, request } from '../api/client';
import { useOverlay } from '../keyboard/shortcuts';
import { useProblemText } from '../ui/ErrorState';
import { Field, selectProps } from '../ui/Field';
import styles from './Keys.module.css';
import { useScopeChoices } from './scopes';

const DAYS = [30, 90, 180, 365];
const DAY_MS = 86_400_000;

export function NewKey({ made, close }: { made: () => void; close: () => void }) {
  const [secret, setSecret] = useState<string>();
  useOverlay(true);
  if (secret !== undefined) return <Secret secret={secret} close={close} />;
  return (
    <Form
      done={(next) => {
        setSecret(next);
        made();
      }}
      close={close}
    />
  );
}

function Form({ done, close }: { done: (secret: string) => void; close: () => void }) {
  const { t } = useTranslation();
  const choices = useScopeChoices();
  const problemText = useProblemText();
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<string[]>([]);
  const [days, setDays] = useState(90);
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);

  const errorAt = (pointer: string) => (problem instanceof Problem ? problem.errors.find((error) => error.pointer.startsWith(pointer))?.message : undefined);
  const isElsewhere = problem !== undefined && !['/name', '/scopes', '/expireTime'].some((pointer) => errorAt(pointer) !== undefined);
  const save = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      const body = { name, scopes, expireTime: new Date(Date.now() + days * DAY_MS).toISOString() };
      done((await request<{ secret: string }>('POST', '/api/v1/apiKeys', { body })).data.secret);
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  return (
    <Modal open title={t('keys.create')} okText={t('keys.make')} okButtonProps={{ disabled: name.trim() === '' || scopes.length === 0, loading: busy }} onOk={() => void save()} onCancel={close}>
      <div className={styles.form}>
        <Field label={t('keys.name')} required help={t('keys.nameHelp')} error={errorAt('/name')}>
          {(input) => <Input {...input} autoFocus maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
        <Field label={t('keys.scopes')} required help={t('keys.scopesHelp')} error={errorAt('/scopes')}>
          {(input) => <Select {...selectProps(input)} mode="multiple" showSearch optionFilterProp="label" options={choices} value={scopes} onChange={setScopes} className={styles.wide} />}
        </Field>
        <Field label={t('keys.expires')} error={errorAt('/expireTime')}>
          {(input) => <Select {...selectProps(input)} options={DAYS.map((value) => ({ value, label: t('keys.days', { count: value }) }))} value={days} onChange={setDays} className={styles.wide} />}
        </Field>
        {isElsewhere && <p role="alert" className={styles.problem}>{problemText(problem)}</p>}
      </div>
    </Modal>
  );
}

function Secret({ secret, close }: { secret: string; close: () => void }) {
  const { t } = useTranslation();
  const [copied, setCopied] = useState(false);
  return (
    <Modal open title={t('keys.secret')} closable={false} maskClosable={false} keyboard={false} footer={<Button type="primary" onClick={close}>{t('keys.kept')}</Button>}>
      <p>{t('keys.secretHelp')}</p>
      <p className={styles.secret}>
        <code>{secret}</code>
        <Button onClick={() => void navigator.clipboard.writeText(secret).then(() => setCopied(true))}>{t(copied ? 'common.copied' : 'common.copy')}</Button>
      </p>
    </Modal>
  );
}
