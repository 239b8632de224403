import { InboxOutlined } from '../ui/icons';
import { Button, Progress } from 'antd';
import { useCallback, useEffect, useRef, useState, type DragEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router-dom';
import { useSettings } from '../app/settings';
import { useFormats } from '../i18n/format';
import { useProblemText } from '../ui/ErrorState';
import { usePhone } from '../ui/useMediaQuery';
import { Problem } from '../api/client';
import { uploadFile, type UploadedFile } from './files';
import { csvOfWorkbook, isWorkbook } from './workbook';
import styles from './Import.module.css';

const LIMIT_BYTES = 1024 ** 3;

export function ChooseFile({ done }: { done: (file: UploadedFile) => void }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const problemText = useProblemText();
  const { language } = useSettings();
  const phone = usePhone();
  const [search, setSearch] = useSearchParams();
  const [progress, setProgress] = useState<{ name: string; share: number }>();
  const [error, setError] = useState<string>();
  const [over, setOver] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const abort = useRef<AbortController>();

  const upload = useCallback(
    async (file: File | undefined) => {
      if (file === undefined) return;
      setError(undefined);
      if (file.size === 0 || file.size > LIMIT_BYTES) {
        setError(t(file.size === 0 ? 'import.emptyFile' : 'import.tooLarge', { name: file.name, size: formats.bytes(file.size), limit: formats.bytes(LIMIT_BYTES) }));
        return;
      }
      abort.current = new AbortController();
      setProgress({ name: file.name, share: 0 });
      try {
        const sent = isWorkbook(file.name) ? await csvOfWorkbook(file) : file;
        done(await uploadFile(sent, (share) => setProgress({ name: file.name, share }), abort.current.signal));
      } catch (problem) {
        setError(problem instanceof Problem || abort.current.signal.aborted || !isWorkbook(file.name) ? problemText(problem) : t('import.badWorkbook', { name: file.name }));
      } finally {
        setProgress(undefined);
      }
    },
    [done, formats, problemText, t],
  );

  // The empty list offers sample data: a small file that goes the way of any other.
  const wantsSample = search.get('sample') === 'true';
  const asked = useRef(false);
  useEffect(() => {
    if (!wantsSample || asked.current) return;
    asked.current = true;
    setSearch({}, { replace: true });
    const name = `sample-customers.${language}.csv`;
    void fetch(`/${name}`)
      .then((response) => response.blob())
      .then((blob) => upload(new File([blob], name)));
  }, [wantsSample, language, setSearch, upload]);

  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void upload(event.dataTransfer.files[0]);
  };
  if (progress !== undefined)
    return (
      <div className={styles.drop}>
        <p>{t('import.uploading', { name: progress.name })}</p>
        <Progress percent={Math.round(progress.share * 100)} aria-label={t('import.uploading', { name: progress.name })} />
        <Button
          onClick={() => {
            abort.current?.abort();
            setProgress(undefined);
          }}
        >
          {t('common.cancel')}
        </Button>
      </div>
    );
  return (
    <>
      <div
        className={styles.drop}
        data-over={over}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={onDrop}
      >
        <InboxOutlined className={styles.dropIcon} />
        <p>{t(phone ? 'import.pick' : 'import.drop')}</p>
        <Button type="primary" onClick={() => picker.current?.click()}>
          {t('import.choose')}
        </Button>
        <input ref={picker} type="file" accept=".csv,.xlsx,.ndjson,text/csv" className="visually-hidden" tabIndex={-1} aria-label={t('import.choose')} onChange={(event) => void upload(event.target.files?.[0])} />
      </div>
      {error !== undefined && <p role="alert" className={styles.error}>{error}</p>}
      <p className={styles.note}>{t('import.help', { limit: formats.bytes(LIMIT_BYTES) })}</p>
    </>
  );
}
