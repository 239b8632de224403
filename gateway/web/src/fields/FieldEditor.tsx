// How a value is entered, by the type of its field. Values are those of the API: RFC 3339 times, strings for 64-bit numbers.
import { Input, Select, Switch } from 'antd';
import { lazy, Suspense, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { MessageValue, Value } from '../api/records';
import { useSchema, type Field } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import { selectProps, type InputProps } from '../ui/Field';
import { FieldValue } from './FieldValue';
import { ManyEditor } from './ManyEditor';
import { MessageListEditor } from './MessageListEditor';
import { ReferenceSelect } from './ReferenceSelect';
import { textOf } from './values';

const DateEditor = lazy(() => import('./DateEditor'));
const EventTypesEditor = lazy(() => import('./EventTypesEditor'));
const RuleEditor = lazy(() => import('./RuleEditor'));

export interface EditorProps {
  field: Field;
  value: Value;
  onChange: (value: Value) => void;
  input: InputProps;
  autoFocus?: boolean;
  open?: boolean; // a choice shows its options at once
  errors?: Record<string, string>; // by pointer below the field: "/0/number"
}

type Editor = (props: EditorProps) => ReactNode;

const INPUT_TYPES: Partial<Record<NonNullable<Field['format']>, string>> = { email: 'email', phone: 'tel', url: 'url' };

const TextEditor: Editor = ({ field, value, onChange, input, autoFocus }) => (
  <Input
    {...input}
    autoFocus={autoFocus}
    autoComplete="off"
    type={field.format === undefined ? 'text' : (INPUT_TYPES[field.format] ?? 'text')}
    maxLength={field.maxLength}
    value={textOf(value)}
    onChange={(event) => onChange(event.target.value)}
  />
);

const MultilineEditor: Editor = ({ field, value, onChange, input, autoFocus }) => (
  <Input.TextArea {...input} autoFocus={autoFocus} autoSize={{ minRows: 2, maxRows: 12 }} maxLength={field.maxLength} value={textOf(value)} onChange={(event) => onChange(event.target.value)} />
);

const NumberEditor: Editor = ({ value, onChange, input, autoFocus }) => (
  <Input {...input} autoFocus={autoFocus} inputMode="numeric" maxLength={19} value={textOf(value)} onChange={(event) => onChange(event.target.value)} />
);

const BooleanEditor: Editor = ({ value, onChange, input, autoFocus }) => (
  <div>
    <Switch id={input.id} aria-describedby={input['aria-describedby']} autoFocus={autoFocus} checked={value === true} onChange={(checked) => onChange(checked)} />
  </div>
);

function EnumEditor({ field, value, onChange, input, autoFocus, open }: EditorProps) {
  const schema = useSchema();
  const label = useLabel();
  const { t } = useTranslation();
  const options = (schema.enumOf(field)?.values ?? [])
    .filter(({ name }) => name !== 'unspecified')
    .map(({ name, label: text }) => ({ value: name, search: `${text.en} ${text.zh} ${name}`.toLowerCase(), label: <FieldValue field={{ ...field, repeated: false }} value={name} />, title: label(text) }));
  return (
    <Select
      {...selectProps(input)}
      autoFocus={autoFocus}
      defaultOpen={open}
      showSearch
      filterOption={(typed, option) => option?.search.includes(typed.toLowerCase()) ?? false}
      allowClear={field.required !== true}
      placeholder={t('field.choose')}
      value={typeof value === 'string' && value !== '' ? value : undefined}
      options={options}
      onChange={(next: string | undefined) => onChange(next)}
    />
  );
}

const DateOrTimeEditor: Editor = (props) => (
  <Suspense fallback={<Input disabled />}>
    <DateEditor {...props} />
  </Suspense>
);

const ReferenceEditor: Editor = ({ field, value, onChange, input, autoFocus, open }) => (
  <ReferenceSelect
    collection={field.reference ?? ''}
    value={typeof value === 'string' ? value : undefined}
    onChange={(id) => onChange(id)}
    input={input}
    autoFocus={autoFocus}
    open={open}
    clearable={field.required !== true}
  />
);

const MessagesEditor: Editor = ({ field, value, onChange, autoFocus, errors, input }) => (
  <MessageListEditor field={field} value={Array.isArray(value) ? (value as MessageValue[]) : []} onChange={onChange} autoFocus={autoFocus} errors={errors ?? {}} id={input.id} />
);

const EDITORS: Record<Field['type'], Editor> = {
  string: TextEditor,
  boolean: BooleanEditor,
  integer: NumberEditor,
  long: NumberEditor,
  timestamp: DateOrTimeEditor,
  date: DateOrTimeEditor,
  enum: EnumEditor,
  message: MessagesEditor,
};

export function FieldEditor(props: EditorProps) {
  const { field } = props;
  if (field.repeated === true && field.format === 'eventType')
    return (
      <Suspense fallback={<Input disabled />}>
        <EventTypesEditor {...props} />
      </Suspense>
    );
  if (field.repeated === true && field.type !== 'message') return <ManyEditor {...props} />;
  if (field.filterOf !== undefined)
    return (
      <Suspense fallback={<Input disabled />}>
        <RuleEditor {...props} />
      </Suspense>
    );
  if (field.reference !== undefined) return <ReferenceEditor {...props} />;
  if (field.format === 'multiline') return <MultilineEditor {...props} />;
  if (field.format === 'date') return <DateOrTimeEditor {...props} />;
  const Editor = EDITORS[field.type];
  return <Editor {...props} />;
}
