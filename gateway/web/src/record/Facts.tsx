import { Button } from 'antd';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { RecordData } from '../api/records';
import type { Field, Resource } from '../api/schema';
import { FieldValue } from '../fields/FieldValue';
import { isEmpty } from '../fields/values';
import { useLabel } from '../i18n/i18n';
import { useShortcuts } from '../keyboard/shortcuts';
import { InlineField } from './InlineField';
import styles from './Record.module.css';

const HIDDEN = ['id', 'version', 'deleteTime', 'rightsVersion', 'completeness', 'missing', 'ruleCategoryIds'];

export function Facts({ resource, record }: { resource: Resource; record: RecordData }) {
  const { t } = useTranslation();
  const label = useLabel();
  const [all, setAll] = useState(false);
  const list = useRef<HTMLDListElement>(null);
  const mayUpdate = resource.rights?.update === true && resource.readOnly !== true && isEmpty(record['deleteTime']);
  const known = resource.fields.filter((field) => !HIDDEN.includes(field.name));
  const own = known.filter((field) => field.outputOnly !== true || resource.readOnly === true);
  const ordered = [...own].sort((a, b) => rank(resource, a) - rank(resource, b));
  const shown = ordered.filter((field) => all || field.more !== true || !isEmpty(record[field.name]));
  const system = known.filter((field) => field.outputOnly === true && resource.readOnly !== true && !isEmpty(record[field.name]));

  useShortcuts({ e: () => list.current?.querySelector<HTMLButtonElement>('button[data-edit]')?.click() });
  return (
    <>
      <dl ref={list} className={styles.facts}>
        {shown.map((field) => (
          <InlineField key={field.name} resource={resource} record={record} field={field} editable={mayUpdate && field.outputOnly !== true && field.immutable !== true} />
        ))}
      </dl>
      {shown.length < ordered.length && (
        <Button type="text" size="small" className={styles.allFields} onClick={() => setAll(true)}>
          {t('record.allFields', { count: ordered.length - shown.length })}
        </Button>
      )}
      <dl className={styles.system}>
        {system.map((field) => (
          <div key={field.name}>
            <dt>{label(field.label)}</dt>
            <dd>
              <FieldValue field={field} value={record[field.name]} plain />
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}

// The title first, owner and team after what describes the record.
const rank = (resource: Resource, field: Field) => (field.name === resource.title ? 0 : ['ownerId', 'teamId'].includes(field.name) ? 2 : field.more === true ? 3 : 1);
