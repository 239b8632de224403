// The list by groups: how many there are of each, and one click to see those alone.
import { Button, Dropdown } from 'antd';
import { useTranslation } from 'react-i18next';
import type { Resource } from '../api/schema';
import { useSettings } from '../app/settings';
import { FieldValue } from '../fields/FieldValue';
import { useFormats } from '../i18n/format';
import { useLabel } from '../i18n/i18n';
import { useProblemText } from '../ui/ErrorState';
import { CaretDownOutlined, CloseOutlined } from '../ui/icons';
import { SPANS, type Span } from '../i18n/zone';
import { filtersOf, groupingOf, isShown, keyOf, othersOf, useGroups, type Group, type Grouping } from './groups';
import styles from './Group.module.css';
import type { ListState } from './useListState';

export function GroupBar({ resource, state }: { resource: Resource; state: ListState }) {
  const grouping = groupingOf(resource, state.group);
  return grouping === undefined ? null : <Groups resource={resource} state={state} grouping={grouping} />;
}

function Groups({ resource, state, grouping }: { resource: Resource; state: ListState; grouping: Grouping }) {
  const { t } = useTranslation();
  const label = useLabel();
  const problemText = useProblemText();
  const { timeZone } = useSettings();
  const { data, error, isPlaceholderData } = useGroups(resource, state, grouping, timeZone);
  const { field, span } = grouping;
  const name = label(field.label);
  const choose = (group: Group, shown: boolean) => state.setFilters([...othersOf(state, field), ...(shown ? [] : filtersOf(grouping, group.value, timeZone))]);
  return (
    <div className={styles.groups} role="group" aria-label={t('group.by', { name })} data-old={isPlaceholderData}>
      <span className={styles.title}>{t('group.by', { name })}</span>
      {span !== undefined && <SpanMenu span={span} choose={(next) => state.setGroup(keyOf(field, next))} />}
      {error !== null && <span role="alert" className={styles.error}>{problemText(error)}</span>}
      {data?.groups.map((group) => {
        const shown = isShown(state, field, filtersOf(grouping, group.value, timeZone));
        return (
          <button key={group.value ?? ''} type="button" className={styles.group} aria-pressed={shown} onClick={() => choose(group, shown)}>
            <GroupName grouping={grouping} value={group.value} /> <Count text={group.count} />
          </button>
        );
      })}
      {data?.groups.length === 0 && <span className={styles.title}>{t('group.none')}</span>}
      {data?.more === true && <span className={styles.title}>{t(span === undefined ? 'group.more' : 'group.older')}</span>}
      <Button size="small" type="text" icon={<CloseOutlined />} aria-label={t('group.close')} onClick={() => state.setGroup(undefined)} />
    </div>
  );
}

function SpanMenu({ span, choose }: { span: Span; choose: (span: Span) => void }) {
  const { t } = useTranslation();
  const items = SPANS.map((key) => ({ key, label: t(`group.span.${key}`) }));
  return (
    <Dropdown trigger={['click']} menu={{ items, selectable: true, selectedKeys: [span], onClick: ({ key }) => choose(key as Span) }}>
      <Button size="small" type="text" aria-haspopup="menu">
        {t(`group.span.${span}`)} <CaretDownOutlined />
      </Button>
    </Dropdown>
  );
}

function GroupName({ grouping: { field, span }, value }: { grouping: Grouping; value: string | null }) {
  const { t } = useTranslation();
  const formats = useFormats();
  if (value === null) return <span>{t('group.empty')}</span>;
  if (span !== undefined) return <span>{formats.span(value, span)}</span>;
  return <FieldValue field={field} value={field.type === 'boolean' ? value === 'true' : value} plain />;
}

function Count({ text }: { text: string }) {
  return <b className={styles.count}>{useFormats().number(BigInt(text))}</b>;
}
