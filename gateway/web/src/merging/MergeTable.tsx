import { Radio } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import type { RecordData } from '../api/records';
import { useSchema, type Field } from '../api/schema';
import { FieldValue } from '../fields/FieldValue';
import { mainField, textOf } from '../fields/values';
import { useLabel } from '../i18n/i18n';
import { ALL, chosenFor, valueOf, type Chosen } from './choices';
import styles from './Merge.module.css';

interface Props {
  fields: Field[];
  records: RecordData[];
  survivor: string;
  chosen: Chosen;
  keep: (id: string) => void;
  choose: (field: string, from: string) => void;
}

export function MergeTable({ fields, records, survivor, chosen, keep, choose }: Props) {
  const { t } = useTranslation();
  return (
    <div className={styles.scroll} tabIndex={0} role="group" aria-label={t('merge.table')}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">{t('merge.field')}</th>
            {records.map((record) => (
              <th key={record.id} scope="col">
                <Link to={`/customers/${record.id}`} target="_blank">{textOf(record['name'])}</Link>
                <Radio name="survivor" checked={record.id === survivor} onChange={() => keep(record.id)}>{t('merge.keep')}</Radio>
              </th>
            ))}
            <th scope="col">{t('merge.result')}</th>
          </tr>
        </thead>
        <tbody>
          {fields.map((field) => (
            <FieldRow key={field.name} field={field} records={records} survivor={survivor} from={chosenFor(field, records, survivor, chosen)} choose={choose} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function FieldRow({ field, records, survivor, from, choose }: { field: Field; records: RecordData[]; survivor: string; from: string; choose: Props['choose'] }) {
  const { t } = useTranslation();
  const label = useLabel();
  const schema = useSchema();
  return (
    <tr>
      <th scope="row">
        {label(field.label)}
        {field.repeated === true && (
          <Radio name={field.name} className={styles.both} checked={from === ALL} onChange={() => choose(field.name, ALL)}>{t('merge.both')}</Radio>
        )}
      </th>
      {records.map((record) => (
        <td key={record.id}>
          <Radio name={field.name} checked={from === record.id} onChange={() => choose(field.name, record.id)} aria-label={`${label(field.label)}: ${textOf(record['name'])}`}>
            <FieldValue field={field} value={record[field.name]} plain />
          </Radio>
        </td>
      ))}
      <td className={styles.result}>
        <FieldValue field={field} value={valueOf(field, [...records].sort((a, b) => Number(b.id === survivor) - Number(a.id === survivor)), from, mainField(schema.messageFields(field))?.name)} plain />
      </td>
    </tr>
  );
}
