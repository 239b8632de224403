// What a view is called, and who else sees it.
import { Input, Modal, Radio } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/client';
import { useSchema } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import { useOverlay, useShortcuts } from '../keyboard/shortcuts';
import { useProblemText } from '../ui/ErrorState';
import { Field } from '../ui/Field';
import styles from './List.module.css';
import type { Density, Sharing, View } from './views';

interface Props {
  title: string;
  initial?: View;
  submit: (values: { name: string; shared: Sharing; density: Density | null }) => Promise<void>;
  close: () => void;
}

const NAME_LENGTH = 100;
const DENSITIES: readonly Density[] = ['compact', 'comfortable'];

export default function ViewDialog({ title, initial, submit, close }: Props) {
  const { t } = useTranslation();
  const label = useLabel();
  const schema = useSchema();
  const problemText = useProblemText();
  const [name, setName] = useState(initial?.name ?? '');
  const [shared, setShared] = useState<Sharing>(initial?.shared ?? 'nobody');
  const [density, setDensity] = useState<Density | null>(initial?.density ?? null);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  useOverlay(true);
  useShortcuts({ Escape: close }, true);

  const field = schema.find('views')?.fields.find((one) => one.name === 'shared');
  const choices = (field && schema.enumOf(field)?.values.filter((value) => value.name !== 'unspecified')) ?? [];
  const save = async () => {
    setBusy(true);
    try {
      await submit({ name: name.trim(), shared, density });
      close();
    } catch (error) {
      const byField = error instanceof Problem ? Object.fromEntries(error.errors.map(({ pointer, message }) => [pointer, message])) : {};
      setErrors(Object.keys(byField).length > 0 ? byField : { '': problemText(error) });
      setBusy(false);
    }
  };
  const other = Object.entries(errors).find(([pointer]) => pointer !== '/name' && pointer !== '/shared')?.[1];

  return (
    <Modal open title={title} okText={t('common.save')} cancelText={t('common.cancel')} confirmLoading={busy} okButtonProps={{ disabled: name.trim() === '' }} onOk={() => void save()} onCancel={close} width={420}>
      <div className={styles.viewForm}>
        <Field label={t('view.name')} required error={errors['/name']}>
          {(input) => <Input {...input} autoFocus autoComplete="off" maxLength={NAME_LENGTH} value={name} onChange={(event) => setName(event.target.value)} onPressEnter={() => name.trim() !== '' && void save()} />}
        </Field>
        <Field label={label(field?.label)} error={errors['/shared']}>
          {({ id }) => (
            <Radio.Group id={id} aria-label={label(field?.label)} value={shared} onChange={(event) => setShared(event.target.value as Sharing)} options={choices.map((choice) => ({ value: choice.name, label: label(choice.label) }))} />
          )}
        </Field>
        <Field label={t('settings.density')}>
          {({ id }) => (
            <Radio.Group id={id} aria-label={t('settings.density')} value={density ?? ''} onChange={(event) => setDensity((event.target.value as Density | '') || null)} options={[{ value: '', label: t('view.anyDensity') }, ...DENSITIES.map((value) => ({ value, label: t(`settings.density.${value}`) }))]} />
          )}
        </Field>
        {other !== undefined && <p role="alert" className={styles.bulkRefused}>{other}</p>}
      </div>
    </Modal>
  );
}
