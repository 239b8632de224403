// Someone else changed the same field meanwhile: both values, and the choice.
import { Modal, Radio } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { findField } from '../api/schema';
import { FieldValue } from '../fields/FieldValue';
import { isSame } from '../fields/values';
import { useLabel } from '../i18n/i18n';
import { useOverlay, useShortcuts } from '../keyboard/shortcuts';
import styles from './Conflict.module.css';
import type { Conflict, Edit } from './EditProvider';

interface Props {
  conflict: Conflict;
  save: Edit['save'];
  close: () => void;
}

export default function ConflictDialog({ conflict: { resource, base, theirs, mine }, save, close }: Props) {
  const { t } = useTranslation();
  const label = useLabel();
  const fields = Object.keys(mine).flatMap((name) => findField(resource, name) ?? []);
  const disputed = fields.filter(({ name }) => !isSame(base[name], theirs[name]) && !isSame(mine[name], theirs[name]));
  const [choice, setChoice] = useState<Record<string, 'mine' | 'theirs'>>({});
  useOverlay(true);
  useShortcuts({ Escape: close }, true);

  const finish = () => {
    const patch = Object.fromEntries(Object.entries(mine).filter(([name]) => (choice[name] ?? 'mine') === 'mine' && !isSame(mine[name], theirs[name])));
    close();
    if (Object.keys(patch).length > 0) void save(resource, theirs, patch);
  };
  return (
    <Modal open title={t('conflict.title')} okText={t('conflict.keep')} cancelText={t('conflict.theirs')} onOk={finish} onCancel={close} width={560}>
      <p className={styles.intro}>{t('conflict.intro')}</p>
      {disputed.map((field) => (
        <fieldset key={field.name} className={styles.field}>
          <legend>{label(field.label)}</legend>
          <Radio.Group className={styles.choices} value={choice[field.name] ?? 'mine'} onChange={(event) => setChoice({ ...choice, [field.name]: event.target.value as 'mine' | 'theirs' })}>
            {(['mine', 'theirs'] as const).map((side) => (
              <Radio key={side} value={side} className={styles.choice}>
                <span className={styles.side}>{t(`conflict.side.${side}`)}</span>
                <span className={styles.value}>
                  <FieldValue field={field} value={(side === 'mine' ? mine : theirs)[field.name]} plain />
                </span>
              </Radio>
            ))}
          </Radio.Group>
        </fieldset>
      ))}
    </Modal>
  );
}
