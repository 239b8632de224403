// A relation in one sentence: who of here, is what, of whom there.
import { Button, Modal, Radio } from 'antd';
import { useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { newIdempotencyKey, Problem } from '../api/client';
import { createRecord, type Values } from '../api/records';
import { findField, useSchema, type Field } from '../api/schema';
import { FieldEditor } from '../fields/FieldEditor';
import { filledIn } from '../fields/values';
import { useLabel } from '../i18n/i18n';
import { useOverlay } from '../keyboard/shortcuts';
import { useProblemText } from '../ui/ErrorState';
import styles from './Relations.module.css';

type End = 'customer' | 'contact';

export default function RelationForm({ customerId, close }: { customerId: string; close: () => void }) {
  const { t } = useTranslation();
  const resource = useSchema().find('relationships');
  const label = useLabel();
  const problemText = useProblemText();
  const [end, setEnd] = useState<End>('customer');
  const [values, setValues] = useState<Values>({ customerId });
  const [error, setError] = useState<string>();
  const key = useRef(newIdempotencyKey());
  useOverlay(true);
  if (resource === undefined) return null;

  const names = ['contactId', 'kind', end === 'customer' ? 'otherCustomerId' : 'otherContactId', 'startDate', 'endDate', 'note'];
  const set = (name: string, value: Values[string]) => {
    key.current = newIdempotencyKey();
    setValues((old) => ({ ...old, [name]: value }));
  };
  const save = async () => {
    setError(undefined);
    try {
      await createRecord('relationships', filledIn(Object.fromEntries(Object.entries(values).filter(([name]) => name === 'customerId' || names.includes(name)))), key.current);
      close();
    } catch (problem) {
      const first = problem instanceof Problem ? problem.errors[0] : undefined;
      const field = first && findField(resource, first.pointer.slice(1));
      setError(first === undefined ? problemText(problem) : `${field === undefined ? '' : `${label(field.label)}: `}${first.message}`);
    }
  };
  return (
    <Modal open title={t('relations.add')} onCancel={close} footer={<Button type="primary" onClick={() => void save()}>{t('common.save')}</Button>}>
      <div className={styles.form}>
        <Radio.Group value={end} onChange={(event) => setEnd(event.target.value as End)} options={[{ value: 'customer', label: t('relations.toCustomer') }, { value: 'contact', label: t('relations.toContact') }]} />
        {names.map((name) => {
          const field = findField(resource, name);
          return field === undefined ? null : <Row key={name} field={field} value={values[name]} onChange={(value) => set(name, value)} help={name === 'contactId' ? t('relations.contactHelp') : undefined} />;
        })}
        {error !== undefined && <p role="alert" className={styles.error}>{error}</p>}
      </div>
    </Modal>
  );
}

function Row({ field, value, onChange, help }: { field: Field; value: Values[string]; onChange: (value: Values[string]) => void; help: string | undefined }) {
  const label = useLabel();
  const id = useId();
  return (
    <div>
      <label htmlFor={id}>{label(field.label)}</label>
      <FieldEditor field={field} value={value} onChange={onChange} input={{ id, 'aria-label': label(field.label) }} />
      {help !== undefined && <small>{help}</small>}
    </div>
  );
}
