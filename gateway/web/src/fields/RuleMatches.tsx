// How many records a rule finds now, and which: asked again while it is put together.
import { useTranslation } from 'react-i18next';
import { useList } from '../api/records';
import type { Resource } from '../api/schema';
import { useFormats } from '../i18n/format';
import { useInlineLabel } from '../i18n/i18n';
import { useProblemText } from '../ui/ErrorState';
import { useDebounced } from '../ui/useDelayed';
import styles from './RuleEditor.module.css';
import { textOf } from './values';

const DEBOUNCE_MS = 250;
const EXAMPLES = 3;

export function RuleMatches({ resource, rule }: { resource: Resource; rule: string }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const inline = useInlineLabel();
  const problemText = useProblemText();
  const asked = useDebounced(rule, DEBOUNCE_MS);
  const { data, error, isPlaceholderData } = useList(resource.collection, `${asked}&count=true&limit=${EXAMPLES}`);
  if (error !== null) return <p role="alert" className={styles.error}>{problemText(error)}</p>;
  const first = data?.pages[0];
  if (first?.page.total === undefined) return <p className={styles.note} role="status">{t('rule.counting')}</p>;
  const number = formats.number(BigInt(first.page.total));
  const names = first.data.map((record) => textOf(record[resource.title]));
  return (
    <div role="status" className={styles.matches} data-old={isPlaceholderData || asked !== rule}>
      <strong>{t('rule.matches', { count: Number(first.page.total), number: first.page.totalIsBound === true ? t('list.atLeast', { number }) : number, name: inline(resource.plural) })}</strong>
      {names.length > 0 && <p className={styles.note}>{t('rule.examples', { names: formats.and(names) })}</p>}
    </div>
  );
}
