// What a change would do: how many, and the first of them with their values before and after.
import { useTranslation } from 'react-i18next';
import { findField, type Field, type Resource } from '../api/schema';
import { FieldValue } from '../fields/FieldValue';
import { isEmpty, isSame, textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import { useInlineLabel, useLabel } from '../i18n/i18n';
import type { Preview, Verb } from './bulk';
import styles from './List.module.css';

type Row = Preview['rows'][number];

// A deletion changes nothing that one would want to read.
const isShown = (field: Field, rows: Row[]) => field.name !== 'deleteTime' && rows.some(({ before, after }) => before !== undefined && after !== undefined && !isSame(before[field.name], after[field.name]));

export function BulkPreview({ resource, verb, preview }: { resource: Resource; verb: Verb; preview: Preview }) {
  const { t } = useTranslation();
  const label = useLabel();
  const inline = useInlineLabel();
  const formats = useFormats();
  const fields = resource.fields.filter((field) => isShown(field, preview.rows));
  const title = findField(resource, resource.title);
  const values = {
    name: inline(resource.plural),
    total: preview.totalIsBound === true ? t('list.atLeast', { number: formats.number(BigInt(preview.total)) }) : formats.number(BigInt(preview.total)),
    checked: formats.number(preview.checked),
    changed: formats.number(preview.changed),
    refused: formats.number(preview.refused),
    same: formats.number(preview.checked - preview.changed - preview.refused),
  };
  const sample = preview.totalIsBound === true || Number(preview.total) > preview.checked;

  return (
    <>
      <p>{t(sample ? 'bulk.sample' : 'bulk.whole', values)}</p>
      {preview.rows.length > 0 && (
        <div className={styles.bulkScroll} tabIndex={0} role="group" aria-label={t('bulk.preview')}>
          <table className={styles.bulkTable}>
            <thead>
              <tr>
                <th scope="col">{label(title?.label)}</th>
                {fields.map((field) => (
                  <th key={field.name} scope="col">{label(field.label)}</th>
                ))}
                {preview.refused > 0 && <th scope="col">{t('bulk.reason')}</th>}
              </tr>
            </thead>
            <tbody>
              {preview.rows.map((row, at) => (
                <tr key={row.before?.id ?? at}>
                  <td>{textOf(row.before?.[resource.title])}</td>
                  {fields.map((field) => (
                    <td key={field.name}>{row.after !== undefined && <Difference field={field} row={row} />}</td>
                  ))}
                  {preview.refused > 0 && <td className={styles.bulkRefused}>{row.refused}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {verb !== 'restore' && <p className={styles.others}>{t('bulk.undoable')}</p>}
    </>
  );
}

function Difference({ field, row: { before, after } }: { field: Field; row: Row }) {
  const { t } = useTranslation();
  const [old, now] = [before?.[field.name], after?.[field.name]];
  if (isSame(old, now)) return <FieldValue field={field} value={now} plain />;
  return (
    <>
      {!isEmpty(old) && (
        <del className={styles.bulkBefore}>
          <FieldValue field={field} value={old} plain />
        </del>
      )}{' '}
      {isEmpty(now) ? t('bulk.empty') : <FieldValue field={field} value={now} plain />}
    </>
  );
}
