// A relation in one sentence: who of here, is what, of whom there. Whom it ties is said once; the rest can be changed.
import { Button, Modal, Radio } from 'antd';
import { useId, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { newIdempotencyKey, Problem } from '../api/client';
import { createRecord, type RecordData, type Values } from '../api/records';
import { findField, useSchema, type Field, type Resource } from '../api/schema';
import { FieldEditor } from '../fields/FieldEditor';
import { FieldValue } from '../fields/FieldValue';
import { filledIn, isEmpty, isSame, patchValue, tidyValue } from '../fields/values';
import { useLabel } from '../i18n/i18n';
import { useOverlay } from '../keyboard/shortcuts';
import { useEdit, type Edit } from '../record/EditProvider';
import { useProblemText } from '../ui/ErrorState';
import styles from './Relations.module.css';

type End = 'customer' | 'contact';

interface Props {
  customerId: string;
  existing?: RecordData; // the relation that is edited; absent: a new one
  close: () => void;
}

// What is said of a relation, and what of that can be said anew.
const namesOf = (end: End) => ['contactId', 'kind', end === 'customer' ? 'otherCustomerId' : 'otherContactId', 'startDate', 'endDate', 'note'];
const isFixed = (field: Field, existing: RecordData | undefined) => existing !== undefined && field.immutable === true;

function changed(resource: Resource, existing: RecordData, values: Values): Values {
  const fields = resource.fields.filter((field) => field.name in values && !isFixed(field, existing) && !isSame(tidyValue(values[field.name]), existing[field.name]));
  return Object.fromEntries(fields.map((field) => [field.name, patchValue(field, tidyValue(values[field.name]))]));
}

async function store(resource: Resource, { customerId, existing }: Props, values: Values, key: string, save: Edit['save']): Promise<boolean> {
  if (existing === undefined) {
    await createRecord('relationships', filledIn({ ...values, customerId }), key);
    return true;
  }
  const patch = changed(resource, existing, values);
  return Object.keys(patch).length === 0 || save(resource, existing, patch);
}

export default function RelationForm(props: Props) {
  const { existing, close } = props;
  const { t } = useTranslation();
  const resource = useSchema().find('relationships');
  const label = useLabel();
  const problemText = useProblemText();
  const { save } = useEdit();
  const [end, setEnd] = useState<End>(isEmpty(existing?.['otherContactId']) ? 'customer' : 'contact');
  const names = namesOf(end);
  const [values, setValues] = useState<Values>(() => Object.fromEntries(names.map((name) => [name, existing?.[name]])));
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const key = useRef(newIdempotencyKey());
  useOverlay(true);
  if (resource === undefined) return null;

  const set = (name: string, value: Values[string]) => {
    key.current = newIdempotencyKey();
    setValues((old) => ({ ...old, [name]: value }));
  };
  const submit = async () => {
    setError(undefined);
    setBusy(true);
    try {
      const said = Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));
      if (await store(resource, props, said, key.current, save)) close();
    } catch (problem) {
      const first = problem instanceof Problem ? problem.errors[0] : undefined;
      const field = first && findField(resource, first.pointer.slice(1));
      setError(first === undefined ? problemText(problem) : `${field === undefined ? '' : `${label(field.label)}: `}${first.message}`);
    }
    setBusy(false);
  };
  return (
    <Modal open title={t(existing === undefined ? 'relations.add' : 'relations.change')} onCancel={close} footer={<Button type="primary" loading={busy} onClick={() => void submit()}>{t('common.save')}</Button>}>
      <div className={styles.form}>
        {existing === undefined && <Radio.Group value={end} onChange={(event) => setEnd(event.target.value as End)} options={[{ value: 'customer', label: t('relations.toCustomer') }, { value: 'contact', label: t('relations.toContact') }]} />}
        {names.map((name) => {
          const field = findField(resource, name);
          if (field === undefined || (isFixed(field, existing) && isEmpty(existing?.[name]))) return null;
          return <Row key={name} field={field} fixed={isFixed(field, existing)} value={values[name]} onChange={(value) => set(name, value)} help={existing === undefined && name === 'contactId' ? t('relations.contactHelp') : undefined} />;
        })}
        {error !== undefined && <p role="alert" className={styles.error}>{error}</p>}
      </div>
    </Modal>
  );
}

function Row({ field, fixed, value, onChange, help }: { field: Field; fixed: boolean; value: Values[string]; onChange: (value: Values[string]) => void; help: string | undefined }) {
  const label = useLabel();
  const id = useId();
  if (fixed)
    return (
      <div>
        <span className={styles.label}>{label(field.label)}</span>
        <FieldValue field={field} value={value} />
      </div>
    );
  return (
    <div>
      <label htmlFor={id}>{label(field.label)}</label>
      <FieldEditor field={field} value={value} onChange={onChange} input={{ id, 'aria-label': label(field.label) }} />
      {help !== undefined && <small>{help}</small>}
    </div>
  );
}
