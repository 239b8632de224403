import { CaretDownOutlined, CaretUpOutlined } from '../ui/icons';
import type { Field } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import styles from './List.module.css';

const isNumber = (field: Field) => field.type === 'long' || field.type === 'integer';

// A heading sorts where the field can: first up, then down, then as the resource likes it.
export function HeaderCell({ field, sort, setSort }: { field: Field; sort: string | undefined; setSort: (sort: string | undefined) => void }) {
  const label = useLabel();
  const first = sort?.split(',')[0];
  const direction = first === field.name ? 'ascending' : first === `-${field.name}` ? 'descending' : undefined;
  const next = direction === undefined ? field.name : direction === 'ascending' ? `-${field.name}` : undefined;
  return (
    <span role="columnheader" className={styles.headCell} data-number={isNumber(field)} aria-sort={field.sort === true ? (direction ?? 'none') : undefined}>
      {field.sort === true ? (
        <button type="button" className={styles.sort} onClick={() => setSort(next)}>
          {label(field.label)}
          {direction === 'ascending' && <CaretUpOutlined />}
          {direction === 'descending' && <CaretDownOutlined />}
        </button>
      ) : (
        label(field.label)
      )}
    </span>
  );
}
