// Single-key shortcuts. They are silent while someone types, while an input method composes, and under an open dialog.
import { useEffect, useRef } from 'react';

export type Shortcuts = Record<string, ((event: KeyboardEvent) => void) | undefined>;

let openOverlays = 0;

// Told by whatever covers the screen: shortcuts of what lies below stay silent while it is open.
export function useOverlay(open: boolean): void {
  useEffect(() => {
    if (!open) return;
    openOverlays++;
    return () => {
      openOverlays--;
    };
  }, [open]);
}

export const isComposing = (event: { isComposing?: boolean; keyCode?: number; nativeEvent?: { isComposing: boolean; keyCode: number } }) =>
  (event.nativeEvent?.isComposing ?? event.isComposing) === true || (event.nativeEvent?.keyCode ?? event.keyCode) === 229;

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('input:not([type=checkbox]), textarea, select, [role=combobox]'));
}

// "mod+k", "Escape", "c", "?": as in KeyboardEvent.key, with "mod+" for Ctrl or Command.
function nameOf(event: KeyboardEvent): string {
  return event.ctrlKey || event.metaKey ? `mod+${event.key.toLowerCase()}` : event.key;
}

// `everywhere`: also while typing and above dialogs (Ctrl-K).
export function useShortcuts(shortcuts: Shortcuts, everywhere = false): void {
  const latest = useRef(shortcuts);
  latest.current = shortcuts;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || isComposing(event) || event.altKey) return;
      if (!everywhere && (openOverlays > 0 || isTyping(event.target))) return;
      const run = latest.current[nameOf(event)];
      if (run === undefined) return;
      // Enter and Space on a focused button or link press it.
      if ((event.key === 'Enter' || event.key === ' ') && event.target instanceof HTMLElement && event.target.matches('button, a')) return;
      event.preventDefault();
      run(event);
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [everywhere]);
}

// As the keyboard in front of the person has it.
export const MODIFIER = /Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘' : 'Ctrl';

// What the help overlay shows.
export const SHORTCUT_HELP: readonly { group: string; keys: string[]; text: string }[] = [
  { group: 'help.anywhere', keys: [MODIFIER, 'K'], text: 'help.palette' },
  { group: 'help.anywhere', keys: ['/'], text: 'help.search' },
  { group: 'help.anywhere', keys: ['c'], text: 'help.create' },
  { group: 'help.anywhere', keys: ['?'], text: 'help.shortcuts' },
  { group: 'help.anywhere', keys: ['Esc'], text: 'help.back' },
  { group: 'help.list', keys: ['j'], text: 'help.down' },
  { group: 'help.list', keys: ['k'], text: 'help.up' },
  { group: 'help.list', keys: ['Enter'], text: 'help.open' },
  { group: 'help.list', keys: ['x'], text: 'help.select' },
  { group: 'help.record', keys: ['e'], text: 'help.edit' },
  { group: 'help.record', keys: ['n'], text: 'help.note' },
  { group: 'help.record', keys: [MODIFIER, 'Enter'], text: 'help.save' },
];
