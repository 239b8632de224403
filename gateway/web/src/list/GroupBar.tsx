// The list by groups: how many there are of each, and one click to see those alone.
import { Button } from 'antd';
import { useTranslation } from 'react-i18next';
import type { Field, Resource } from '../api/schema';
import { useSettings } from '../app/settings';
import { FieldValue } from '../fields/FieldValue';
import { useFormats } from '../i18n/format';
import { useLabel } from '../i18n/i18n';
import { useProblemText } from '../ui/ErrorState';
import { CloseOutlined } from '../ui/icons';
import { isTime } from './filter';
import { filtersOf, groupField, isShown, othersOf, useGroups, type Group } from './groups';
import styles from './Group.module.css';
import type { ListState } from './useListState';

export function GroupBar({ resource, state }: { resource: Resource; state: ListState }) {
  const field = groupField(resource, state.group);
  return field === undefined ? null : <Groups resource={resource} state={state} field={field} />;
}

function Groups({ resource, state, field }: { resource: Resource; state: ListState; field: Field }) {
  const { t } = useTranslation();
  const label = useLabel();
  const problemText = useProblemText();
  const { timeZone } = useSettings();
  const { data, error, isPlaceholderData } = useGroups(resource, state, field, timeZone);
  const name = label(field.label);
  const choose = (group: Group, shown: boolean) => state.setFilters([...othersOf(state, field), ...(shown ? [] : filtersOf(field, group.value, timeZone))]);
  return (
    <div className={styles.groups} role="group" aria-label={t('group.by', { name })} data-old={isPlaceholderData}>
      <span className={styles.title}>{t('group.by', { name })}</span>
      {error !== null && <span role="alert" className={styles.error}>{problemText(error)}</span>}
      {data?.groups.map((group) => {
        const shown = isShown(state, field, filtersOf(field, group.value, timeZone));
        return (
          <button key={group.value ?? ''} type="button" className={styles.group} aria-pressed={shown} onClick={() => choose(group, shown)}>
            <GroupName field={field} value={group.value} /> <Count text={group.count} />
          </button>
        );
      })}
      {data?.groups.length === 0 && <span className={styles.title}>{t('group.none')}</span>}
      {data?.more === true && <span className={styles.title}>{t('group.more')}</span>}
      <Button size="small" type="text" icon={<CloseOutlined />} aria-label={t('group.close')} onClick={() => state.setGroup(undefined)} />
    </div>
  );
}

function GroupName({ field, value }: { field: Field; value: string | null }) {
  const { t } = useTranslation();
  const formats = useFormats();
  if (value === null) return <span>{t('group.empty')}</span>;
  if (isTime(field)) return <span>{formats.month(value)}</span>;
  return <FieldValue field={field} value={field.type === 'boolean' ? value === 'true' : value} plain />;
}

function Count({ text }: { text: string }) {
  return <b className={styles.count}>{useFormats().number(BigInt(text))}</b>;
}
