// An administrator gives someone a password; they change it when they first use it.
import { Input, Modal } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { request } from '../api/client';
import type { RecordData } from '../api/records';
import { textOf } from '../fields/values';
import { useOverlay } from '../keyboard/shortcuts';
import { useProblemText } from '../ui/ErrorState';
import { Field } from '../ui/Field';
import { useToast } from '../ui/Toasts';

const MIN_LENGTH = 10;

export default function SetPassword({ user, close }: { user: RecordData; close: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const problemText = useProblemText();
  const [password, setPassword] = useState('');
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  useOverlay(true);

  const save = async () => {
    setBusy(true);
    try {
      await request('POST', `/api/v1/users/${user.id}:setPassword`, { body: { password } });
      toast({ text: t('password.wasSet', { name: textOf(user['name']) }) });
      close();
    } catch (problem) {
      setError(problemText(problem));
      setBusy(false);
    }
  };
  return (
    <Modal open title={t('password.set')} okText={t('common.save')} okButtonProps={{ disabled: password.length < MIN_LENGTH, loading: busy }} onOk={() => void save()} onCancel={close}>
      <Field label={t('password.new')} help={t('password.help', { count: MIN_LENGTH })} error={error}>
        {(input) => <Input.Password {...input} autoFocus autoComplete="new-password" value={password} onChange={(event) => setPassword(event.target.value)} onPressEnter={() => void save()} />}
      </Field>
    </Modal>
  );
}
