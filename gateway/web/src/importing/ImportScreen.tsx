// A file becomes records in three steps: choose it, say what the columns are, watch. What is chosen survives a reload;
// what runs goes on without anyone watching.
import { ArrowLeftOutlined } from '../ui/icons';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Navigate, useParams } from 'react-router-dom';
import { useSchema, type Resource } from '../api/schema';
import { featureOf } from '../app/features';
import { readJson, writeJson } from '../app/settings';
import { useInlineLabel } from '../i18n/i18n';
import { useListPath } from '../shell/shellContext';
import { ChooseFile } from './ChooseFile';
import type { UploadedFile } from './files';
import { usePageTitle } from '../ui/usePageTitle';
import styles from './Import.module.css';
import { MapColumns } from './MapColumns';

export default function ImportScreen() {
  const { collection = '' } = useParams();
  const resource = useSchema().find(collection);
  const method = featureOf(collection).importMethod;
  if (resource === undefined || method === undefined || resource.rights?.create !== true) return <Navigate to="/" replace />;
  return <ImportInto resource={resource} method={method} />;
}

function ImportInto({ resource, method }: { resource: Resource; method: string }) {
  const { t } = useTranslation();
  const inline = useInlineLabel();
  const listPath = useListPath();
  const key = `guanxi.import.${resource.collection}`;
  const [file, setFile] = useState(() => readJson<UploadedFile>(key));
  const title = t('import.title', { name: inline(resource.plural) });

  usePageTitle(title);
  const choose = (next: UploadedFile | undefined) => {
    writeJson(key, next);
    setFile(next);
  };
  return (
    <section className={styles.screen} aria-label={title}>
      <header className={styles.header}>
        <Link to={listPath(resource.collection)} className={styles.back} aria-label={t('record.back', { name: inline(resource.plural) })}>
          <ArrowLeftOutlined />
        </Link>
        <h1 className={styles.title}>{title}</h1>
      </header>
      <div className={styles.body}>
        {file === undefined ? <ChooseFile done={choose} /> : <MapColumns resource={resource} method={method} file={file} again={() => choose(undefined)} started={() => writeJson(key, undefined)} />}
      </div>
    </section>
  );
}
