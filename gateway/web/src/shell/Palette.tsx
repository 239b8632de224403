// Ctrl/Cmd-K: go anywhere, do anything, find anyone. Records are found by the server, which reads pinyin and initials.
import { Modal } from 'antd';
import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useSchema } from '../api/schema';
import { useFormats } from '../i18n/format';
import { useLabel } from '../i18n/i18n';
import { isComposing, useOverlay } from '../keyboard/shortcuts';
import { useProblemText } from '../ui/ErrorState';
import { useCommands, type Command } from './commands';
import { useFoundRecords, useRecentRecords, type FoundRecords } from './found';
import styles from './Palette.module.css';

const matches = (command: Command, words: string[]) => words.every((word) => command.search.includes(word));

export default function Palette({ close }: { close: () => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const commands = useCommands();
  const found = useFoundRecords(text);
  const recent = useRecentRecords();
  useOverlay(true);

  const sections = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const records = words.length === 0 ? { key: 'recent', items: recent } : { key: 'records', items: found.records };
    return [records, { key: 'commands', items: commands.filter((command) => matches(command, words)) }].filter(({ items }) => items.length > 0);
  }, [commands, found.records, recent, text]);
  const shown = sections.flatMap(({ items }) => items);
  const active = Math.min(at, shown.length - 1);
  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }, [active]);

  const run = (command: Command | undefined) => {
    if (command === undefined) return;
    close();
    command.run();
  };
  const onKey = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      setAt((active + (event.key === 'ArrowDown' ? 1 : -1) + shown.length) % Math.max(1, shown.length));
    } else if (event.key === 'Enter') {
      event.preventDefault();
      run(shown[active]);
    }
  };

  return (
    <Modal open footer={null} closable={false} onCancel={close} width={600} style={{ top: '12vh' }} className={styles.palette} aria-label={t('palette.title')}>
      <input
        className={styles.input}
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={shown.length > 0 ? `palette-${active}` : undefined}
        aria-label={t('palette.title')}
        placeholder={t('palette.placeholder')}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKey}
      />
      <Notes found={found} />
      <div ref={list} id="palette-list" role="listbox" aria-label={t('palette.title')} className={styles.list}>
        {sections.map(({ key, items }) => (
          <div key={key} role="group" aria-labelledby={`palette-${key}`}>
            <p id={`palette-${key}`} className={styles.heading}>{t(`palette.${key}`)}</p>
            {items.map((command) => {
              const index = shown.indexOf(command);
              return <Option key={command.key} command={command} index={index} active={index === active} point={() => setAt(index)} run={() => run(command)} />;
            })}
          </div>
        ))}
      </div>
      {shown.length === 0 && found.asked && <p className={styles.nothing}>{t('palette.nothing')}</p>}
    </Modal>
  );
}

interface OptionProps {
  command: Command;
  index: number;
  active: boolean;
  point: () => void;
  run: () => void;
}

function Option({ command, index, active, point, run }: OptionProps) {
  const label = useLabel();
  return (
    <div id={`palette-${index}`} role="option" aria-selected={active} className={styles.option} onMouseMove={point} onClick={run}>
      <span className={styles.icon}>{command.icon}</span>
      <span className={styles.text}>{command.title}</span>
      {command.hint !== undefined && <span className={styles.hint}>{typeof command.hint === 'string' ? command.hint : label(command.hint)}</span>}
      {command.shortcut !== undefined && <kbd>{command.shortcut}</kbd>}
    </div>
  );
}

// What must be known of the answer: other words were looked for, or a part of the system did not answer.
function Notes({ found }: { found: FoundRecords }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const label = useLabel();
  const schema = useSchema();
  const problemText = useProblemText();
  const missing = found.missing.map((collection) => label(schema.find(collection)?.plural ?? { en: collection, zh: collection }));
  return (
    <div role="status" className={styles.notes}>
      {found.corrected !== undefined && <p>{t('palette.corrected', { words: found.corrected })}</p>}
      {missing.length > 0 && <p>{t('palette.missing', { names: formats.and(missing) })}</p>}
      {found.error !== null && <p>{problemText(found.error)}</p>}
    </div>
  );
}
