// Ctrl/Cmd-K: go anywhere, do anything, find anyone. Records are found by the server, which reads pinyin and initials.
import { Modal } from 'antd';
import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useLabel } from '../i18n/i18n';
import { isComposing, useOverlay } from '../keyboard/shortcuts';
import { useCommands, useFoundRecords, type Command } from './commands';
import styles from './Palette.module.css';

const matches = (command: Command, words: string[]) => words.every((word) => command.search.includes(word));

export default function Palette({ close }: { close: () => void }) {
  const { t } = useTranslation();
  const label = useLabel();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const commands = useCommands();
  const records = useFoundRecords(text);
  useOverlay(true);

  const shown = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return [...records, ...commands.filter((command) => matches(command, words))];
  }, [commands, records, text]);
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
      <div ref={list} id="palette-list" role="listbox" aria-label={t('palette.title')} className={styles.list}>
        {shown.map((command, index) => (
          <div
            key={command.key}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === active}
            className={styles.option}
            onMouseMove={() => setAt(index)}
            onClick={() => run(command)}
          >
            <span className={styles.icon}>{command.icon}</span>
            <span className={styles.text}>{command.title}</span>
            {command.hint !== undefined && <span className={styles.hint}>{typeof command.hint === 'string' ? command.hint : label(command.hint)}</span>}
            {command.shortcut !== undefined && <kbd>{command.shortcut}</kbd>}
          </div>
        ))}
        {shown.length === 0 && <p className={styles.nothing}>{t('palette.nothing')}</p>}
      </div>
    </Modal>
  );
}
