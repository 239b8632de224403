import { Checkbox } from 'antd';
import { memo, type CSSProperties, type MouseEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import type { RecordData } from '../api/records';
import type { Field, Resource } from '../api/schema';
import { featureOf } from '../app/features';
import { FieldValue } from '../fields/FieldValue';
import { isEmpty, textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import styles from './List.module.css';

export interface Cells {
  resource: Resource;
  columns: Field[];
  row: RecordData;
  selected: boolean;
  toggle: ((id: string) => void) | undefined;
}

export interface RowProps extends Cells {
  index: number;
  style: CSSProperties;
  open: (id: string) => void;
  onFocus: (index: number) => void;
}

// A name in a list leads to its record; a phone number or a mail address does not dial or write by a stray click.
const LINKED = ['string'];

// What was to be done by now, and is not.
export const isOverdue = (field: Field, row: RecordData): boolean => field.name === 'dueTime' && row['done'] !== true && Date.parse(textOf(row['dueTime'])) < Date.now();

const isNumber = (field: Field) => field.type === 'long' || field.type === 'integer';

// The whole row opens the record, except where something in it does more.
export const opens = (event: MouseEvent) => event.target instanceof HTMLElement && event.target.closest('a, button, label, input') === null && (window.getSelection()?.isCollapsed ?? true);

export function useTitle(resource: Resource, row: RecordData): string {
  const { t } = useTranslation();
  const title = row[resource.title];
  const { titleKey } = featureOf(resource.collection);
  if (titleKey !== undefined) return t(`${titleKey}${textOf(title)}`);
  return isEmpty(title) ? t('record.untitled') : textOf(title);
}

// While others work, rows move many times a minute. What moves is a box; its cells are made anew only when they changed.
export function ListRow({ index, style, open, onFocus, ...cells }: RowProps) {
  const { row, selected } = cells;
  return (
    <div role="row" aria-rowindex={index + 2} className={styles.row} data-index={index} data-selected={selected} style={style} onFocus={() => onFocus(index)} onClick={(event) => opens(event) && open(row.id)}>
      <RowCells {...cells} />
    </div>
  );
}

const RowCells = memo(function RowCells({ resource, columns, row, selected, toggle }: Cells) {
  const { t } = useTranslation();
  const title = useTitle(resource, row);
  return (
    <>
      <span role="cell" className={styles.check}>
        {toggle && <Checkbox checked={selected} aria-label={t('list.selectRow', { name: title })} onChange={() => toggle(row.id)} />}
      </span>
      {columns.map((field, at) => (
        <span key={field.name} role="cell" className={styles.cell} data-number={isNumber(field)}>
          {field.name === resource.title || (at === 0 && !columns.some(({ name }) => name === resource.title)) ? (
            <Link to={`/${resource.collection}/${row.id}`} className={styles.rowTitle} data-done={row['done'] === true}>
              {isEmpty(row[field.name]) ? title : textOf(row[field.name])}
            </Link>
          ) : (
            <span className={styles.cellText} data-overdue={isOverdue(field, row)}>
              <FirstOf field={field} row={row} />
            </span>
          )}
        </span>
      ))}
    </>
  );
});

// A cell is one line: of several phones the first, and how many more.
function FirstOf({ field, row }: { field: Field; row: RecordData }) {
  const formats = useFormats();
  const value = row[field.name];
  if (isEmpty(value)) return null;
  if (!Array.isArray(value) || value.length === 1) return <FieldValue field={field} value={value} plain={!LINKED.includes(field.type)} />;
  return (
    <>
      <FieldValue field={field} value={value.slice(0, 1)} plain /> <span className={styles.others}>+{formats.number(value.length - 1)}</span>
    </>
  );
}
