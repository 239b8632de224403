import { useQueryClient } from '@tanstack/react-query';
import { Button, Input } from 'antd';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { ME_KEY, signIn } from '../api/session';
import { useProblemText } from '../ui/ErrorState';
import { Field } from '../ui/Field';
import { Entrance } from './Entrance';
import styles from './Entrance.module.css';

export function SignIn() {
  const { t } = useTranslation();
  const client = useQueryClient();
  const problemText = useProblemText();
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await signIn(email.trim(), password);
      await client.resetQueries({ queryKey: ME_KEY });
    } catch (problem) {
      setError(problemText(problem));
      setBusy(false);
    }
  };

  return (
    <Entrance title={t('signIn.title')}>
      <form className={styles.form} onSubmit={(event) => void submit(event)}>
        <Field label={t('signIn.email')}>
          {(input) => <Input {...input} type="email" name="email" autoComplete="username" autoFocus required size="large" value={email} onChange={(event) => setEmail(event.target.value)} />}
        </Field>
        <Field label={t('signIn.password')} error={error}>
          {(input) => (
            <Input.Password {...input} name="password" autoComplete="current-password" required size="large" value={password} onChange={(event) => setPassword(event.target.value)} />
          )}
        </Field>
        <Button type="primary" htmlType="submit" size="large" block loading={busy}>
          {t('signIn.submit')}
        </Button>
        <p className={styles.note}>{t('signIn.help')}</p>
      </form>
    </Entrance>
  );
}
