// The first sign-in with a password that someone else knows: a new one first.
import { useQueryClient } from '@tanstack/react-query';
import { Button, Input } from 'antd';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/client';
import { changePassword, ME_KEY, useSignOut } from '../api/session';
import { useProblemText } from '../ui/ErrorState';
import { Field } from '../ui/Field';
import { Entrance } from './Entrance';
import styles from './Entrance.module.css';

const MIN_LENGTH = 10;

export function ChangePassword() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const signOut = useSignOut();
  const problemText = useProblemText();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<{ pointer: string; text: string }>();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (next !== again) {
      setError({ pointer: '/again', text: t('password.differs') });
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      await changePassword(current, next);
      await client.resetQueries({ queryKey: ME_KEY });
    } catch (problem) {
      const pointer = problem instanceof Problem ? (problem.errors[0]?.pointer ?? '/currentPassword') : '/currentPassword';
      setError({ pointer, text: problemText(problem) });
      setBusy(false);
    }
  };
  const errorAt = (pointer: string) => (error?.pointer === pointer ? error.text : undefined);

  return (
    <Entrance title={t('password.title')}>
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <p className={styles.note}>{t('password.why')}</p>
        <Field label={t('password.current')} error={errorAt('/currentPassword')}>
          {(input) => <Input.Password {...input} name="current" autoComplete="current-password" autoFocus required value={current} onChange={(event) => setCurrent(event.target.value)} />}
        </Field>
        <Field label={t('password.new')} help={t('password.help', { count: MIN_LENGTH })} error={errorAt('/newPassword')}>
          {(input) => <Input.Password {...input} name="new" autoComplete="new-password" required minLength={MIN_LENGTH} value={next} onChange={(event) => setNext(event.target.value)} />}
        </Field>
        <Field label={t('password.again')} error={errorAt('/again')}>
          {(input) => <Input.Password {...input} name="again" autoComplete="new-password" required value={again} onChange={(event) => setAgain(event.target.value)} />}
        </Field>
        <Button type="primary" htmlType="submit" size="large" block loading={busy}>
          {t('password.submit')}
        </Button>
        <Button type="text" block onClick={() => void signOut()}>
          {t('account.signOut')}
        </Button>
      </form>
    </Entrance>
  );
}
