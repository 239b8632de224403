// What was done and what comes next, in one form: the first line is the subject, the rest the content.
import { Button, Input, Segmented } from 'antd';
import { useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { RecordData } from '../api/records';
import { findField, useSchema } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import { isComposing, MODIFIER, useShortcuts } from '../keyboard/shortcuts';
import type { ActivityLink } from './activityLink';
import { PlainKindIcon } from './KindIcon';
import { NextStep, DueField } from './NextStep';
import styles from './Timeline.module.css';
import { useComposer } from './useComposer';

export function Composer({ link, record }: { link: ActivityLink; record: RecordData }) {
  const { t } = useTranslation();
  const label = useLabel();
  const schema = useSchema();
  const composer = useComposer(link, record.id);
  const [open, setOpen] = useState(composer.draft.text !== '');
  const { draft, change } = composer;
  const kind = findField(link.activities, 'kind');
  const kinds = (kind && schema.enumOf(kind)?.values.filter(({ name }) => name !== 'unspecified')) ?? [];
  const kindLabel = label(kinds.find(({ name }) => name === draft.kind)?.label);

  useShortcuts({ n: () => document.getElementById('composer')?.focus() });
  if (link.activities.rights?.create !== true) return null;

  const onKeyDown = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void composer.submit();
    if (event.key === 'Escape') {
      event.stopPropagation();
      (event.target as HTMLElement).blur(); // what was typed stays, also as a draft
    }
  };
  return (
    <form
      className={styles.composer}
      aria-label={t('composer.title')}
      onSubmit={(event) => {
        event.preventDefault();
        void composer.submit();
      }}
      onKeyDown={onKeyDown}
      onFocus={() => setOpen(true)}
    >
      <Segmented
        size="small"
        aria-label={label(kind?.label)}
        value={draft.kind}
        options={kinds.map(({ name, label: text }) => ({ value: name, title: label(text), label: <><PlainKindIcon kind={name} /><span className={styles.kindName}>{label(text)}</span></> }))}
        onChange={(value) => change({ kind: value })}
      />
      <Input.TextArea
        id="composer"
        autoSize={{ minRows: open ? 3 : 1, maxRows: 14 }}
        maxLength={findField(link.activities, 'body')?.maxLength}
        aria-label={t('composer.text', { kind: kindLabel })}
        placeholder={t('composer.placeholder')}
        value={draft.text}
        onChange={(event) => change({ text: event.target.value })}
      />
      {open && (
        <>
          {draft.kind === 'task' ? <DueField value={draft.due} change={(due) => change({ due })} /> : <NextStep draft={draft} change={change} />}
          {composer.error !== undefined && <p role="alert" className={styles.error}>{composer.error}</p>}
          <div className={styles.composerActions}>
            <Button type="primary" htmlType="submit" size="small" loading={composer.busy} disabled={draft.text.trim() === ''}>
              {t('composer.save')}
            </Button>
            <span className={styles.hint}>
              <kbd>{MODIFIER}</kbd> <kbd>↵</kbd>
            </span>
          </div>
        </>
      )}
    </form>
  );
}
