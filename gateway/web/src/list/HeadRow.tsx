// The headings: they sort, and are dragged to another place or to another width.
import { Checkbox } from 'antd';
import { useTranslation } from 'react-i18next';
import type { Resource } from '../api/schema';
import type { Columns } from './columns';
import { HeaderCell } from './HeaderCell';
import styles from './List.module.css';
import type { ListState } from './useListState';
import { dropMark, useReorder } from './useReorder';

interface Props {
  resource: Resource;
  columns: Columns;
  state: ListState;
  template: string;
  widths: number[];
  minWidth: number | undefined;
  all: { checked: boolean; some: boolean; toggle: () => void } | undefined; // absent: nothing can be chosen
}

export function HeadRow({ resource, columns, state, template, widths, minWidth, all }: Props) {
  const { t } = useTranslation();
  const { dragged, grip } = useReorder('x', columns.move);
  return (
    <div className={styles.headRow} role="row" style={{ gridTemplateColumns: template, minWidth }} data-dragging={dragged !== undefined}>
      <span role="columnheader" className={styles.check}>
        {all && <Checkbox aria-label={t('list.selectAll')} checked={all.checked} indeterminate={all.some && !all.checked} onChange={all.toggle} />}
      </span>
      {columns.shown.map((field, place) => (
        <HeaderCell key={field.name} field={field} place={place} mark={dropMark(dragged, place)} grip={grip(place)} sort={state.sort ?? resource.defaultSort} setSort={state.setSort} width={widths[place] ?? 0} resize={(width, done) => columns.resize(field.name, width, done)} />
      ))}
    </div>
  );
}
