import { Button, Select } from 'antd';
import { useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { newIdempotencyKey } from '../api/client';
import { useSchema, type Field, type Resource } from '../api/schema';
import { useFormats } from '../i18n/format';
import { useLabel } from '../i18n/i18n';
import { useProblemText } from '../ui/ErrorState';
import { useChoices } from './choices';
import { startImport, type UploadedFile } from './files';
import styles from './Import.module.css';
import { ImportRules } from './ImportRules';
import { importableFields, keysOf } from './mapping';

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
  const { choices, change, remembered } = useChoices(schema, resource, file, headings);
  const { mapping, policy } = choices;
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const isTable = headings.length > 0; // else records by the names of their fields
  const keys = isTable ? keysOf(fields, mapping) : fields.filter((field) => field.name === 'id' || field.importKey === true);
  const key = policy === 'create' ? undefined : keys.find(({ name }) => name === choices.key)?.name;
  const intention = useRef({ about: '', key: '' });

  const isMissing = (field: Field) => field.required === true && field.default === undefined && !mapping.includes(field.name);
  const missing = isTable && policy !== 'update' ? fields.filter(isMissing) : [];
  const choose = (column: number, name: string | undefined) => change({ mapping: mapping.map((old, at) => (at === column ? name : old === name ? undefined : old)) });
  const run = async (dryRun: boolean) => {
    setBusy(true);
    setError(undefined);
    const columns = mapping.flatMap((field, at) => (field === undefined || (field === 'id' && key !== 'id') ? [] : [{ column: headings[at] ?? '', field }]));
    const body = { fileId: file.id, columns, policy, ...(key === undefined ? {} : { key }), dryRun, automation: choices.automation };
    const about = JSON.stringify(body);
    if (intention.current.about !== about) intention.current = { about, key: newIdempotencyKey() };
    try {
      const job = await startImport(method, body, intention.current.key);
      if (!dryRun) started();
      navigate(`/jobs/${job.id}`, { replace: !dryRun });
    } catch (problem) {
      setError(problemText(problem));
      setBusy(false);
    }
  };
  const count = mapping.filter((name) => name !== undefined).length;
  const mayRun = missing.length === 0 && (!isTable || count > 0) && (policy === 'create' || key !== undefined);
  return (
    <>
      <p className={styles.file}>
        <b>{file.name}</b> <span>{formats.bytes(Number(file.size))}</span>
        <Button type="link" size="small" onClick={again}>
          {t('import.other')}
        </Button>
      </p>
      {isTable && <p className={styles.note}>{t('import.mapHelp', { count, total: headings.length })}</p>}
      {!isTable && <p className={styles.note}>{t('import.lines')}</p>}
      {remembered && <p className={styles.note}>{t('import.remembered')}</p>}
      {isTable && <div className={styles.scroll}>
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
                  <FieldSelect fields={fields} heading={heading} value={mapping[at]} change={(name) => choose(at, name)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>}
      <ImportRules choices={choices} keys={keys} change={change} />
      {missing.length > 0 && <p role="alert" className={styles.error}>{t('import.missing', { names: formats.and(missing.map((field) => label(field.label))) })}</p>}
      {error !== undefined && <p role="alert" className={styles.error}>{error}</p>}
      <div className={styles.actions}>
        <Button type="primary" loading={busy} disabled={!mayRun} onClick={() => void run(false)}>
          {t('import.run')}
        </Button>
        <Button loading={busy} disabled={!mayRun} onClick={() => void run(true)}>
          {t('import.trial')}
        </Button>
      </div>
      <div className={styles.note}>
        {t('import.trialHelp')}
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
