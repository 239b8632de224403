// How a value is shown, by the type of its field.
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { MessageValue, Scalar, Value } from '../api/records';
import { findField, useSchema, type Field } from '../api/schema';
import { useFormats } from '../i18n/format';
import { useLabel } from '../i18n/i18n';
import { isEmpty, mainField } from './values';
import { isLevel } from './regionLevels';
import { PhoneNumber } from './PhoneNumber';
import { ReferenceName } from './ReferenceName';
import { RuleText } from './RuleText';
import styles from './FieldValue.module.css';

interface Props {
  field: Field;
  value: Value;
  plain?: boolean; // quieter, and no links: in lists, and inside of what is a link itself
}

type Show = (props: { field: Field; value: Scalar; plain: boolean }) => ReactNode;

function EnumValue({ field, value, plain }: { field: Field; value: Scalar; plain: boolean }) {
  const schema = useSchema();
  const label = useLabel();
  const entry = schema.enumOf(field)?.values.find(({ name }) => name === value);
  return (
    <span className={plain ? styles.dot : styles.tag} data-colour={entry?.colour ?? 'default'}>
      {entry === undefined ? String(value) : label(entry.label)}
    </span>
  );
}

function FieldLabel({ collection, name, chip }: { collection: string; name: string; chip: boolean }) {
  const label = useLabel();
  const resource = useSchema().find(collection);
  const field = resource && findField(resource, name);
  return <span className={chip ? styles.tag : undefined}>{field === undefined ? name : label(field.label)}</span>;
}

function TimeValue({ value }: { value: Scalar }) {
  const formats = useFormats();
  return (
    <time dateTime={String(value)} title={formats.dateTime(String(value))}>
      {formats.ago(String(value))}
    </time>
  );
}

function DateValue({ value }: { value: Scalar }) {
  return <time dateTime={String(value)}>{useFormats().day(String(value))}</time>;
}

function NumberValue({ value }: { value: Scalar }) {
  return <span className={styles.number}>{useFormats().number(BigInt(String(value)))}</span>;
}

function BooleanValue({ value }: { value: Scalar }) {
  const { t } = useTranslation();
  return <>{t(value === true ? 'common.yes' : 'common.no')}</>;
}

const LINKS: Partial<Record<NonNullable<Field['format']>, (text: string) => string>> = {
  email: (text) => `mailto:${text}`,
  phone: (text) => `tel:${text}`,
  url: (text) => text,
};

const text: Show = ({ field, value, plain }) => {
  const content = String(value);
  if (field.filterOf !== undefined) return <RuleText collection={field.filterOf} text={content} />;
  if (field.fieldOf !== undefined) return <FieldLabel collection={field.fieldOf} name={content} chip={field.repeated === true} />;
  if (field.format === 'multiline') return <span className={styles.multiline}>{content}</span>;
  if (field.format === 'date') return <DateValue value={value} />;
  const link = field.format === undefined ? undefined : LINKS[field.format];
  if (field.repeated === true && field.format === undefined) return <span className={styles.tag}>{content}</span>;
  const shown = field.format === 'phone' ? <PhoneNumber number={content} /> : content;
  if (link === undefined || plain) return shown;
  const outside = field.format === 'url' ? { target: '_blank', rel: 'noopener noreferrer' } : {};
  return <a href={link(content)} {...outside}>{shown}</a>;
};

const SHOW: Record<Exclude<Field['type'], 'message'>, Show> = {
  string: (props) => (props.field.reference === undefined ? text(props) : <ReferenceName collection={props.field.reference} id={String(props.value)} plain={props.plain} />),
  enum: EnumValue,
  boolean: BooleanValue,
  integer: NumberValue,
  long: NumberValue,
  timestamp: TimeValue,
  date: DateValue,
};

// From the country down to the street, as an address is written there.
const addressOf = (parts: string[]) => parts.join(parts.some((part) => /\p{Script=Han}/u.test(part)) ? '' : ', ');

// What has many parts and none that stands for it, such as what belongs on an invoice: each on a line of its own.
function Parts({ fields, value }: { fields: Field[]; value: MessageValue }) {
  const label = useLabel();
  return (
    <span className={styles.several}>
      {fields.map((part) => (
        <span key={part.name}>
          <span className={styles.partName}>{label(part.label)}</span> <One field={part} value={value[part.name] ?? ''} plain />
        </span>
      ))}
    </span>
  );
}

function Message({ field, value, plain }: { field: Field; value: MessageValue; plain: boolean }) {
  const schema = useSchema();
  const label = useLabel();
  const formats = useFormats();
  const fields = schema.messageFields(field);
  const main = mainField(fields);
  const kind = fields.find((part) => part.type === 'enum');
  const kindName = kind && schema.enumOf(kind)?.values.find(({ name }) => name === value[kind.name]);
  const filled = fields.filter((part) => !isEmpty(value[part.name]));
  if (main === undefined && !plain && !fields.some(({ name }) => isLevel(name))) return <Parts fields={filled} value={value} />;
  const parts = filled.filter((part) => part.type !== 'enum').map((part) => String(value[part.name]));
  const content = main === undefined ? (fields.some(({ name }) => isLevel(name)) ? addressOf(parts) : formats.and(parts)) : value[main.name];
  return (
    <>
      {main === undefined ? content : SHOW.string({ field: main, value: content ?? '', plain })}
      {kindName && !plain && <span className={styles.kind}>{label(kindName.label)}</span>}
      {main !== undefined && !plain && fields.filter((part) => part !== main && part !== kind && !isEmpty(value[part.name]) && value[part.name] !== false).map((part) => (
        <span key={part.name} className={styles.kind}>
          {label(part.label)} {part.type !== 'boolean' && String(value[part.name])}
        </span>
      ))}
    </>
  );
}

function One({ field, value, plain }: { field: Field; value: Scalar | MessageValue; plain: boolean }) {
  if (typeof value === 'object') return <Message field={field} value={value} plain={plain} />;
  if (field.type === 'message') return <>{String(value)}</>;
  const Shown = SHOW[field.type];
  return <Shown field={field} value={value} plain={plain} />;
}

// Several of these stand side by side; phones and addresses one below the other.
const isChips = (field: Field) => field.type === 'enum' || (field.type === 'string' && field.format === undefined);

export function FieldValue({ field, value, plain = false }: Props) {
  if (isEmpty(value)) return <span className={styles.empty}>—</span>;
  const values = Array.isArray(value) ? value : [value as Scalar | MessageValue];
  if (values.length === 1 && values[0] !== undefined) return <One field={field} value={values[0]} plain={plain} />;
  return (
    <span className={styles.several} data-chips={isChips(field)}>
      {values.map((item, index) => (
        <span key={index} className={styles.item}>
          <One field={field} value={item} plain={plain} />
        </span>
      ))}
    </span>
  );
}
