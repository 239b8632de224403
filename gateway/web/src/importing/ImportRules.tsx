// What happens to rows whose record is there already.
import { Checkbox, Select } from 'antd';
import { useTranslation } from 'react-i18next';
import { findField, useSchema, type Field } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import { Field as Labelled, selectProps } from '../ui/Field';
import type { Choices } from './choices';
import styles from './Import.module.css';

export function ImportRules({ choices, keys, change }: { choices: Choices; keys: Field[]; change: (part: Partial<Choices>) => void }) {
  const { t } = useTranslation();
  const label = useLabel();
  const schema = useSchema();
  const jobs = schema.find('jobs');
  const field = jobs && findField(jobs, 'policy');
  const policies = (field && schema.enumOf(field)?.values.filter(({ name }) => name !== 'unspecified')) ?? [];
  const needsKey = choices.policy !== 'create';

  return (
    <div className={styles.rules}>
      <Labelled label={label(field?.label)}>
        {(input) => (
          <Select
            {...selectProps(input)}
            className={styles.policy}
            value={choices.policy}
            options={policies.map((policy) => ({ value: policy.name, label: label(policy.label) }))}
            onChange={(policy: string) => change({ policy, ...(policy !== 'create' && choices.key === undefined ? { key: keys[0]?.name } : {}) })}
          />
        )}
      </Labelled>
      {needsKey && (
        <Labelled label={t('import.key')} required error={keys.length === 0 ? t('import.noKey') : undefined}>
          {(input) => (
            <Select
              {...selectProps(input)}
              className={styles.select}
              value={keys.some(({ name }) => name === choices.key) ? choices.key : undefined}
              options={keys.map((key) => ({ value: key.name, label: label(key.label) }))}
              onChange={(key: string) => change({ key })}
            />
          )}
        </Labelled>
      )}
      <Checkbox checked={choices.automation} onChange={(event) => change({ automation: event.target.checked })}>
        {t('import.automation')}
      </Checkbox>
    </div>
  );
}
