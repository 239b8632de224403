import { ArrowDownOutlined, ArrowUpOutlined, HolderOutlined, SettingOutlined } from '../ui/icons';
import { Button, Checkbox, Popover } from 'antd';
import { useTranslation } from 'react-i18next';
import type { Resource } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import { isColumn, type Columns } from './columns';
import styles from './List.module.css';
import { dropMark, useReorder } from './useReorder';

export function ColumnPicker({ resource, columns }: { resource: Resource; columns: Columns }) {
  const { t } = useTranslation();
  return (
    <Popover trigger="click" placement="bottomRight" destroyOnHidden content={<Choices resource={resource} columns={columns} />}>
      <Button size="small" type="text" icon={<SettingOutlined />} className={styles.notOnPhone}>
        {t('columns.title')}
      </Button>
    </Popover>
  );
}

function Choices({ resource, columns }: { resource: Resource; columns: Columns }) {
  const { t } = useTranslation();
  const label = useLabel();
  const names = columns.shown.map((field) => field.name);
  const hidden = resource.fields.filter((field) => isColumn(field) && !names.includes(field.name));
  const { dragged, grip } = useReorder('y', columns.move);
  const isTitle = (name: string) => name === resource.title;

  return (
    <div className={styles.columns}>
      {columns.shown.map((field, index) => (
        <div key={field.name} className={styles.columnRow} data-place={index} data-drop={dropMark(dragged, index)}>
          <span className={styles.columnGrip} title={t('columns.drag')} {...grip(index)}>
            <HolderOutlined />
          </span>
          <Checkbox checked disabled={isTitle(field.name)} onChange={() => columns.choose(names.filter((name) => name !== field.name))}>
            {label(field.label)}
          </Checkbox>
          <span className={styles.spring} />
          <Button size="small" type="text" icon={<ArrowUpOutlined />} disabled={index === 0} aria-label={t('columns.up', { name: label(field.label) })} onClick={() => columns.move(index, index - 1)} />
          <Button size="small" type="text" icon={<ArrowDownOutlined />} disabled={index === names.length - 1} aria-label={t('columns.down', { name: label(field.label) })} onClick={() => columns.move(index, index + 1)} />
        </div>
      ))}
      {hidden.map((field) => (
        <div key={field.name} className={styles.columnRow} data-hidden>
          <Checkbox checked={false} onChange={() => columns.choose([...names, field.name])}>
            {label(field.label)}
          </Checkbox>
        </div>
      ))}
      <Button size="small" type="link" onClick={() => columns.choose(undefined)}>
        {t('columns.reset')}
      </Button>
    </div>
  );
}
