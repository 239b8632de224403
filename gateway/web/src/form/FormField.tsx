import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Value } from '../api/records';
import type { Field as FieldDefinition } from '../api/schema';
import { FieldEditor } from '../fields/FieldEditor';
import { complain, isEmpty } from '../fields/values';
import { useLabel } from '../i18n/i18n';
import { Field } from '../ui/Field';

interface Props {
  field: FieldDefinition;
  value: Value;
  onChange: (value: Value) => void;
  errors: Record<string, string> | undefined; // by pointer below the field; "" is the field itself
}

// One field of a form. What is plainly wrong shows when one leaves the field; what the server says, when it has said it.
export function FormField({ field, value, onChange, errors }: Props) {
  const { t } = useTranslation();
  const label = useLabel();
  const [left, setLeft] = useState(false);
  const complaint = left && !isEmpty(value) ? complain(field, value) : undefined;
  const own = errors?.[''] ?? (complaint === undefined ? undefined : t(complaint.key, complaint.values ?? {}));
  return (
    <div onBlur={() => setLeft(true)} onFocus={() => setLeft(false)}>
      <Field label={label(field.label)} required={field.required} help={label(field.help)} error={own}>
        {(input) => <FieldEditor field={field} value={value} onChange={onChange} input={input} errors={errors} />}
      </Field>
    </div>
  );
}
