// How much of what its stage asks for a record has, and what is missing.
import { Popover } from 'antd';
import { useTranslation } from 'react-i18next';
import type { RecordData } from '../api/records';
import { findField, type Resource } from '../api/schema';
import { useFormats } from '../i18n/format';
import { useLabel } from '../i18n/i18n';
import styles from './Relations.module.css';

const RADIUS = 8;
const PER_CENT = '%';
const LENGTH = 2 * Math.PI * RADIUS;

export function Completeness({ resource, record }: { resource: Resource; record: RecordData }) {
  const { t } = useTranslation();
  const label = useLabel();
  const formats = useFormats();
  const score = record['completeness'];
  if (typeof score !== 'number') return null;
  const missing = Array.isArray(record['missing']) ? record['missing'].flatMap((name) => (typeof name === 'string' ? (findField(resource, name) ?? []) : [])) : [];
  const list = (
    <ul className={styles.missing}>
      {missing.map((field) => (
        <li key={field.name}>{label(field.label)}</li>
      ))}
    </ul>
  );
  const ring = (
    <button type="button" className={styles.ring} aria-label={t('completeness.score', { score })}>
      <svg width="22" height="22" viewBox="0 0 22 22" aria-hidden="true">
        <circle cx="11" cy="11" r={RADIUS} className={styles.ringAll} />
        <circle cx="11" cy="11" r={RADIUS} className={styles.ringHas} data-full={score === 100} strokeDasharray={`${(LENGTH * score) / 100} ${LENGTH}`} transform="rotate(-90 11 11)" />
      </svg>
      <span>{formats.number(score)}{PER_CENT}</span>
    </button>
  );
  return (
    <Popover trigger={['click', 'hover']} title={t(missing.length === 0 ? 'completeness.full' : 'completeness.missing')} content={missing.length === 0 ? null : list}>
      {ring}
    </Popover>
  );
}
