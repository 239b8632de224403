import { CaretDownOutlined, CaretUpOutlined } from '../ui/icons';
import type { Field } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import styles from './List.module.css';
import type { dropMark, Reorder } from './useReorder';
import { WidthHandle } from './WidthHandle';

const isNumber = (field: Field) => field.type === 'long' || field.type === 'integer';

interface Props {
  field: Field;
  place: number;
  mark: ReturnType<typeof dropMark>;
  grip: ReturnType<Reorder['grip']>;
  sort: string | undefined;
  setSort: (sort: string | undefined) => void;
  width: number;
  resize: (width: number | undefined, done: boolean) => void;
}

// A heading sorts where the field can: first up, then down, then as the resource likes it.
export function HeaderCell({ field, place, mark, grip, sort, setSort, width, resize }: Props) {
  const label = useLabel();
  const first = sort?.split(',')[0];
  const direction = first === field.name ? 'ascending' : first === `-${field.name}` ? 'descending' : undefined;
  const next = direction === undefined ? field.name : direction === 'ascending' ? `-${field.name}` : undefined;
  const name = label(field.label);
  return (
    <span role="columnheader" aria-label={name} className={styles.headCell} data-number={isNumber(field)} data-place={place} data-drop={mark} aria-sort={field.sort === true ? (direction ?? 'none') : undefined}>
      <span className={styles.headName} {...grip}>
        {field.sort === true ? (
          <button type="button" className={styles.sort} onClick={() => setSort(next)}>
            <span className={styles.headText}>{name}</span>
            {direction === 'ascending' && <CaretUpOutlined />}
            {direction === 'descending' && <CaretDownOutlined />}
          </button>
        ) : (
          <span className={styles.headText}>{name}</span>
        )}
      </span>
      <WidthHandle name={name} width={width} resize={resize} />
    </span>
  );
}
