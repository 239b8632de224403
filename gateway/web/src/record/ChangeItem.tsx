// A change in words: who, which fields, from what to what.
import { useTranslation } from 'react-i18next';
import type { Change, Value } from '../api/records';
import { findField, type Field, type Resource } from '../api/schema';
import { FieldValue } from '../fields/FieldValue';
import { ReferenceName } from '../fields/ReferenceName';
import { isEmpty } from '../fields/values';
import { useFormats } from '../i18n/format';
import { useLabel } from '../i18n/i18n';
import { KindIcon } from './KindIcon';
import styles from './Timeline.module.css';

const SILENT = ['id', 'version', 'createTime', 'updateTime', 'deleteTime', 'rightsVersion'];
const VERBS = ['created', 'updated', 'deleted', 'restored', 'snapshot'];

const verbOf = (type: string) => type.split('.').find((part) => VERBS.includes(part)) ?? 'updated';

export function ChangeItem({ resource, change }: { resource: Resource; change: Change }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const verb = verbOf(change.type);
  const fields = verb === 'updated' ? (change.fields ?? []).flatMap((name) => (SILENT.includes(name) ? [] : (findField(resource, name) ?? []))) : [];
  return (
    <>
      <KindIcon kind="change" />
      <div className={styles.content}>
        <p className={styles.meta}>
          {isEmpty(change.principalId) || change.principalId === 'system' ? t('timeline.system') : <ReferenceName collection="users" id={change.principalId ?? ''} plain />}
          <span>{t(`timeline.verb.${verb}`)}</span>
          <time dateTime={change.time} title={formats.dateTime(change.time)}>{formats.ago(change.time)}</time>
        </p>
        {fields.map((field) => (
          <Difference key={field.name} field={field} before={change.before?.[field.name]} after={change.after?.[field.name]} />
        ))}
      </div>
    </>
  );
}

function Difference({ field, before, after }: { field: Field; before: Value; after: Value }) {
  const { t } = useTranslation();
  const label = useLabel();
  return (
    <p className={styles.difference}>
      <span className={styles.fieldName}>{label(field.label)}</span>
      {!isEmpty(before) && (
        <del>
          <FieldValue field={field} value={before} plain />
        </del>
      )}
      {!isEmpty(before) && <span aria-hidden="true">→</span>}
      {isEmpty(after) ? <span className={styles.cleared}>{t('timeline.cleared')}</span> : <ins><FieldValue field={field} value={after} plain /></ins>}
    </p>
  );
}
