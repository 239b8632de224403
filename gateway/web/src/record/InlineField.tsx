// A fact that becomes its own editor: Enter or leaving saves, Esc brings back what was.
import { EditOutlined } from '../ui/icons';
import { Button } from 'antd';
import { useEffect, useId, useRef, useState, type FocusEvent, type KeyboardEvent, type MouseEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/client';
import type { RecordData, Value } from '../api/records';
import type { Field, Resource } from '../api/schema';
import { FieldEditor } from '../fields/FieldEditor';
import { FieldValue } from '../fields/FieldValue';
import { complain, isSame, patchValue, tidyValue } from '../fields/values';
import { useLabel } from '../i18n/i18n';
import { isComposing } from '../keyboard/shortcuts';
import { useEdit } from './EditProvider';
import styles from './Record.module.css';

interface Props {
  resource: Resource;
  record: RecordData;
  field: Field;
  editable: boolean;
}

export function InlineField({ resource, record, field, editable }: Props) {
  const { t } = useTranslation();
  const label = useLabel();
  const [base, setBase] = useState<RecordData | null>(null); // as it was when editing began
  const button = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(false);
  const name = label(field.label);

  useEffect(() => {
    if (base === null && wasEditing.current && document.activeElement === document.body) button.current?.focus();
    wasEditing.current = base !== null;
  }, [base]);

  return (
    <div className={styles.fact}>
      <dt>{name}</dt>
      <dd>
        {base !== null ? (
          <InlineEditor resource={resource} base={base} field={field} close={() => setBase(null)} />
        ) : editable ? (
          <div className={styles.editable} onClick={(event) => isBeside(event) && setBase(record)}>
            <span>
              <FieldValue field={field} value={record[field.name]} />
            </span>
            <button ref={button} type="button" data-edit={field.name} className={styles.editButton} aria-label={t('record.edit', { name })} onClick={() => setBase(record)}>
              <EditOutlined />
            </button>
          </div>
        ) : (
          <FieldValue field={field} value={record[field.name]} />
        )}
      </dd>
    </div>
  );
}

// The whole line is a target for the pointer, except for its links, and except when text is being selected.
const isBeside = (event: MouseEvent) => event.target instanceof HTMLElement && event.target.closest('a, button') === null && (window.getSelection()?.isCollapsed ?? true);

// A choice is made in one step: choosing saves. Text and lists are saved by Enter, by leaving, or by the button.
const isChoice = (field: Field) => field.repeated !== true && (field.type === 'enum' || field.type === 'boolean' || field.reference !== undefined || field.type === 'timestamp' || field.type === 'date' || field.format === 'date');

// What has inputs of its own is saved by the button alone.
const hasParts = (field: Field) => field.type === 'message' || field.filterOf !== undefined;

function InlineEditor({ resource, base, field, close }: { resource: Resource; base: RecordData; field: Field; close: () => void }) {
  const { t } = useTranslation();
  const label = useLabel();
  const { save } = useEdit();
  const [value, setValue] = useState<Value>(base[field.name]);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const id = useId();
  const done = useRef(false); // Esc, then the blur that it causes

  const commit = async (next: Value) => {
    if (done.current) return;
    const tidy = tidyValue(next);
    if (isSame(tidy, base[field.name])) {
      finish();
      return;
    }
    const complaint = complain(field, tidy);
    if (complaint !== undefined) {
      setErrors({ '': t(complaint.key, complaint.values ?? {}) });
      return;
    }
    done.current = true;
    try {
      if (await save(resource, base, { [field.name]: patchValue(field, tidy) })) close();
      else done.current = false; // what was typed stays, to be tried again
    } catch (problem) {
      done.current = false;
      if (problem instanceof Problem) setErrors(Object.fromEntries(problem.errors.map(({ pointer, message }) => [pointer.slice(field.name.length + 1), message])));
    }
  };
  const finish = () => {
    done.current = true;
    close();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === 'Escape') {
      event.stopPropagation();
      finish();
    } else if (event.key === 'Enter' && !isChoice(field) && !hasParts(field) && field.repeated !== true && (field.format !== 'multiline' || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void commit(value);
    }
  };
  const onBlur = (event: FocusEvent<HTMLDivElement>) => {
    const to = event.relatedTarget;
    if (event.currentTarget.contains(to) || (to instanceof Element && to.closest('.ant-select-dropdown, .ant-picker-dropdown') !== null)) return;
    if (!hasParts(field)) void commit(value); // lists of plain values too: leaving saves
  };
  const change = (next: Value) => {
    setValue(next);
    setErrors({});
    if (isChoice(field)) void commit(next);
  };

  const general = errors[''];
  return (
    <div className={styles.editor} onKeyDown={onKeyDown} onBlur={onBlur}>
      <FieldEditor
        field={field}
        value={value}
        onChange={change}
        autoFocus
        open={isChoice(field)}
        errors={errors}
        input={{ id, 'aria-invalid': general === undefined ? undefined : true, 'aria-describedby': general === undefined ? undefined : `${id}-error`, 'aria-label': label(field.label) }}
      />
      {general !== undefined && (
        <p id={`${id}-error`} role="alert" className={styles.error}>
          {general}
        </p>
      )}
      {hasParts(field) && (
        <div className={styles.editorActions}>
          <Button size="small" type="primary" onClick={() => void commit(value)}>
            {t('common.save')}
          </Button>
          <Button size="small" onClick={finish}>
            {t('common.cancel')}
          </Button>
        </div>
      )}
    </div>
  );
}
