import { Button, Input } from 'antd';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { useSettings } from '../app/settings';
import { fromWall, toWall } from '../i18n/zone';
import { Field } from '../ui/Field';
import styles from './Timeline.module.css';
import type { ComposerDraft } from './useComposer';

const DateEditor = lazy(() => import('../fields/DateEditor'));
const DUE_FIELD = { name: 'dueTime', type: 'timestamp', label: { en: '', zh: '' } } as const;
const MORNING_HOUR = 9;

const QUICK: readonly { key: string; days: number }[] = [
  { key: 'due.tomorrow', days: 1 },
  { key: 'due.threeDays', days: 3 },
  { key: 'due.week', days: 7 },
];

const morningIn = (days: number, zone: string) => fromWall(toWall(Date.now(), zone).add(days, 'day').hour(MORNING_HOUR).minute(0).second(0).millisecond(0), zone);

// When a task is due: three likely answers, and the calendar.
export function DueField({ value, change }: { value: string | undefined; change: (value: string | undefined) => void }) {
  const { t } = useTranslation();
  const { timeZone } = useSettings();
  return (
    <div className={styles.due} role="group" aria-label={t('due.title')}>
      {QUICK.map(({ key, days }) => (
        <Button key={key} size="small" type={value === morningIn(days, timeZone) ? 'primary' : 'default'} onClick={() => change(morningIn(days, timeZone))}>
          {t(key)}
        </Button>
      ))}
      <div className={styles.dueDate}>
        <Suspense fallback={<Input disabled size="small" />}>
          <DateEditor field={DUE_FIELD} value={value} onChange={(next) => change(typeof next === 'string' ? next : undefined)} input={{ id: 'composer-due', 'aria-label': t('due.title') }} />
        </Suspense>
      </div>
    </div>
  );
}

export function NextStep({ draft, change }: { draft: ComposerDraft; change: (part: Partial<ComposerDraft>) => void }) {
  const { t } = useTranslation();
  return (
    <div className={styles.next}>
      <Field label={t('composer.next')}>
        {(input) => <Input {...input} maxLength={200} placeholder={t('composer.nextPlaceholder')} value={draft.next} onChange={(event) => change({ next: event.target.value })} />}
      </Field>
      {draft.next !== '' && <DueField value={draft.nextDue} change={(nextDue) => change({ nextDue })} />}
    </div>
  );
}
