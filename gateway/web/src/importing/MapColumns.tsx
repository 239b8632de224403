import { Button, Select } from 'antd';
import { useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { newIdempotencyKey } from '../api/client';
import { useSchema, type Field, type Resource } from '../api/schema';
import { useFormats } from '../i18n/format';
import { useLabel } from '../i18n/i18n';
import { useProblemText } from '../ui/ErrorState';
import { startImport, type UploadedFile } from './files';
import styles from './Import.module.css';
import { guessMapping, importableFields, type Mapping } from './mapping';

interface Props {
  resource: Resource;
  method: string;
  file: UploadedFile;
  again: () => void;
  started: () => void;
}

export function MapColumns({ resource, method, file, again, started }: Props) {
  const { t } = useTranslation();
  const label = useLabel();
  const formats = useFormats();
  const schema = useSchema();
  const navigate = useNavigate();
  const problemText = useProblemText();
  const [headings = [], ...rows] = (file.preview ?? []).map((row) => row.cells ?? []);
  const fields = useMemo(() => importableFields(schema, resource), [schema, resource]);
  const [mapping, setMapping] = useState<Mapping>(() => guessMapping(schema, resource, headings));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const key = useRef(newIdempotencyKey());

  const missing = fields.filter((field) => field.required === true && field.default === undefined && !mapping.includes(field.name));
  const change = (column: number, name: string | undefined) => {
    key.current = newIdempotencyKey();
    setMapping(mapping.map((old, at) => (at === column ? name : old === name ? undefined : old)));
  };
  const run = async () => {
    setBusy(true);
    setError(undefined);
    const columns = mapping.flatMap((field, at) => (field === undefined ? [] : [{ column: headings[at] ?? '', field }]));
    try {
      const job = await startImport(method, file.id, columns, key.current);
      started();
      navigate(`/jobs/${job.id}`, { replace: true });
    } catch (problem) {
      setError(problemText(problem));
      setBusy(false);
    }
  };
  const count = mapping.filter((name) => name !== undefined).length;
  return (
    <>
      <p className={styles.file}>
        <b>{file.name}</b> <span>{formats.bytes(Number(file.size))}</span>
        <Button type="link" size="small" onClick={again}>
          {t('import.other')}
        </Button>
      </p>
      <p className={styles.note}>{t('import.mapHelp', { count, total: headings.length })}</p>
      <div className={styles.scroll}>
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">{t('import.column')}</th>
              <th scope="col">{t('import.examples')}</th>
              <th scope="col">{t('import.field')}</th>
            </tr>
          </thead>
          <tbody>
            {headings.map((heading, at) => (
              <tr key={at} data-skipped={mapping[at] === undefined}>
                <th scope="row">{heading}</th>
                <td className={styles.examples}>{rows.map((row) => row[at] ?? '').filter(Boolean).slice(0, 3).join(' · ')}</td>
                <td>
                  <FieldSelect fields={fields} heading={heading} value={mapping[at]} change={(name) => change(at, name)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {missing.length > 0 && <p role="alert" className={styles.error}>{t('import.missing', { names: formats.and(missing.map((field) => label(field.label))) })}</p>}
      {error !== undefined && <p role="alert" className={styles.error}>{error}</p>}
      <div className={styles.actions}>
        <Button type="primary" loading={busy} disabled={missing.length > 0 || count === 0} onClick={() => void run()}>
          {t('import.run')}
        </Button>
      </div>
    </>
  );
}

function FieldSelect({ fields, heading, value, change }: { fields: Field[]; heading: string; value: string | undefined; change: (name: string | undefined) => void }) {
  const { t } = useTranslation();
  const label = useLabel();
  const options = fields.map((field) => ({ value: field.name, label: label(field.label), search: `${field.label.en} ${field.label.zh}` }));
  return (
    <Select
      className={styles.select}
      showSearch
      allowClear
      optionFilterProp="search"
      aria-label={t('import.fieldFor', { column: heading })}
      placeholder={t('import.skip')}
      value={value}
      options={options}
      onChange={(name: string | undefined) => change(name)}
    />
  );
}
