// A row on a phone: what it is called, what kind it is and whose, when, and one touch to call.
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import type { RecordData } from '../api/records';
import { findField, useSchema, type Field, type Resource, type Schema } from '../api/schema';
import { FieldValue } from '../fields/FieldValue';
import { isEmpty, mainField, textOf } from '../fields/values';
import { PhoneOutlined } from '../ui/icons';
import styles from './List.module.css';
import { isOverdue, opens, useTitle, type RowProps } from './ListRow';

const TIMES = ['dueTime', 'occurTime']; // the first that it has; else, where there is room, when it was changed
const DETAILS = 2;

// Whom it belongs to goes before words of its own; who works on it is not said here.
function detailsOf(resource: Resource, columns: Field[], row: RecordData): Field[] {
  const filled = columns.filter((field) => field.name !== resource.title && field.type === 'string' && field.repeated !== true && !isEmpty(row[field.name]));
  const [theirs, own] = [filled.filter(({ reference }) => reference !== undefined && reference !== 'users' && reference !== 'teams'), filled.filter(({ reference }) => reference === undefined)];
  return [...theirs, ...own];
}

function firstPhone(schema: Schema, resource: Resource, row: RecordData): string | undefined {
  for (const field of resource.fields) {
    const main = field.repeated === true ? mainField(schema.messageFields(field)) : undefined;
    const value = row[field.name];
    const first = main?.format === 'phone' && Array.isArray(value) ? value[0] : undefined;
    if (main !== undefined && typeof first === 'object') return textOf(first[main.name]);
  }
  return undefined;
}

export function ListCard({ resource, columns, row, index, style, open, onFocus }: RowProps) {
  return (
    <div role="row" aria-rowindex={index + 1} className={styles.card} data-index={index} style={style} onFocus={() => onFocus(index)} onClick={(event) => opens(event) && open(row.id)}>
      <CardCells resource={resource} columns={columns} row={row} />
    </div>
  );
}

const CardCells = memo(function CardCells({ resource, columns, row }: Pick<RowProps, 'resource' | 'columns' | 'row'>) {
  const { t } = useTranslation();
  const schema = useSchema();
  const title = useTitle(resource, row);
  const tags = columns.filter((field) => field.type === 'enum' && !isEmpty(row[field.name]));
  const details = tags.length < DETAILS ? detailsOf(resource, columns, row).slice(0, DETAILS - tags.length) : [];
  const time = [...TIMES, ...(tags.length + details.length < DETAILS ? ['updateTime'] : [])].map((name) => findField(resource, name)).find((field) => field !== undefined && !isEmpty(row[field.name]));
  const number = firstPhone(schema, resource, row);
  return (
    <>
      <span role="cell" className={styles.cardMain}>
        <Link to={`/${resource.collection}/${row.id}`} className={styles.rowTitle} data-done={row['done'] === true}>
          {title}
        </Link>
        <span className={styles.cardLine}>
          {[...tags, ...details].map((field) => (
            <span key={field.name} className={styles.cardTag}>
              <FieldValue field={field} value={row[field.name]} plain />
            </span>
          ))}
          <span className={styles.spring} />
          {time && <span className={styles.others} data-overdue={isOverdue(time, row)}><FieldValue field={time} value={row[time.name]} plain /></span>}
        </span>
      </span>
      {number !== undefined && (
        <span role="cell">
          <a href={`tel:${number}`} className={styles.cardCall} aria-label={t('list.call', { name: title })}>
            <PhoneOutlined />
          </a>
        </span>
      )}
    </>
  );
});
