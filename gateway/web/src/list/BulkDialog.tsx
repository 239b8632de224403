// Says what is to change, shows what would happen, and starts it.
import { Button, Modal } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Resource } from '../api/schema';
import { useFormats } from '../i18n/format';
import { useInlineLabel } from '../i18n/i18n';
import { useWatchJob } from '../jobs/JobToasts';
import { useOverlay, useShortcuts } from '../keyboard/shortcuts';
import { useProblemText } from '../ui/ErrorState';
import { PlusOutlined } from '../ui/icons';
import { useDebounced } from '../ui/useDelayed';
import { changeable, isComplete, startBulk, usePreview, type FieldChange, type Selection, type Verb } from './bulk';
import { BulkField } from './BulkField';
import { BulkPreview } from './BulkPreview';
import styles from './List.module.css';

interface Props {
  resource: Resource;
  selection: Selection;
  verb: Verb;
  close: () => void;
  started: () => void;
}

const DEBOUNCE_MS = 300;

export default function BulkDialog({ resource, selection, verb, close, started }: Props) {
  const { t } = useTranslation();
  const formats = useFormats();
  const inline = useInlineLabel();
  const problemText = useProblemText();
  const watch = useWatchJob();
  const [changes, setChanges] = useState<(FieldChange | undefined)[]>([undefined]);
  const [failure, setFailure] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  useOverlay(true);
  useShortcuts({ Escape: close }, true);

  const complete = changes.filter((change): change is FieldChange => change !== undefined && isComplete(change));
  const asked = useDebounced(complete, DEBOUNCE_MS);
  const preview = usePreview(resource, verb, selection, asked, verb !== 'change' || asked.length > 0);
  const isReady = (verb !== 'change' || complete.length > 0) && preview.data !== undefined && !preview.isFetching && preview.data.changed + preview.data.refused > 0;

  const replace = (at: number, change: FieldChange | undefined) => setChanges(changes.map((old, index) => (index === at ? change : old)));
  const start = async () => {
    setBusy(true);
    try {
      watch((await startBulk(resource, verb, selection, complete)).id);
      close();
      started();
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  };
  const total = preview.data?.total ?? ('ids' in selection ? selection.ids.length : undefined);
  const number = total === undefined ? '' : formats.number(BigInt(total));
  const wrong = failure ?? preview.error;

  return (
    <Modal
      open
      width={720}
      title={t(`bulk.title.${verb}`, { name: inline(resource.plural) })}
      okText={t(`bulk.apply.${verb}`, { number: preview.data?.totalIsBound === true ? t('list.atLeast', { number }) : number })}
      okButtonProps={{ disabled: !isReady, danger: verb === 'delete' }}
      cancelText={t('common.cancel')}
      confirmLoading={busy}
      onOk={() => void start()}
      onCancel={close}
    >
      <div className={styles.bulkForm}>
        {verb === 'change' &&
          changes.map((change, at) => (
            <BulkField
              key={at}
              fields={changeable(resource).filter(({ name }) => name === change?.field.name || !changes.some((other) => other?.field.name === name))}
              change={change}
              set={(next) => replace(at, next)}
              remove={changes.length > 1 ? () => setChanges(changes.filter((_, index) => index !== at)) : undefined}
            />
          ))}
        {verb === 'change' && complete.length === changes.length && (
          <Button type="link" size="small" icon={<PlusOutlined />} style={{ alignSelf: 'flex-start' }} onClick={() => setChanges([...changes, undefined])}>
            {t('bulk.another')}
          </Button>
        )}
        {wrong != null && <p role="alert" className={styles.bulkRefused}>{problemText(wrong)}</p>}
        {preview.data !== undefined && <BulkPreview resource={resource} verb={verb} preview={preview.data} />}
        {verb === 'change' && complete.length === 0 && <p>{t('bulk.chooseField')}</p>}
      </div>
    </Modal>
  );
}
