// The right edge of a heading: dragged, or with the arrow keys, it makes the column wider; a double click gives the usual width back.
import { useRef, type KeyboardEvent, type PointerEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { WIDTH } from './columns';
import styles from './List.module.css';

const STEP_PX = 16;

const clamp = (width: number) => Math.round(Math.min(WIDTH.most, Math.max(WIDTH.least, width)));

interface Props {
  name: string;
  width: number;
  resize: (width: number | undefined, done: boolean) => void; // undefined: the usual one
}

export function WidthHandle({ name, width, resize }: Props) {
  const { t } = useTranslation();
  const begun = useRef<{ x: number; width: number; moved: boolean }>();
  const widthOf = (handle: HTMLElement) => handle.parentElement?.getBoundingClientRect().width ?? 0;
  const down = (event: PointerEvent<HTMLElement>) => {
    event.currentTarget.setPointerCapture(event.pointerId);
    begun.current = { x: event.clientX, width: widthOf(event.currentTarget), moved: false };
  };
  const drag = (event: PointerEvent, done: boolean) => {
    if (begun.current === undefined || (begun.current.x === event.clientX && !begun.current.moved)) return;
    begun.current.moved = true;
    resize(clamp(begun.current.width + event.clientX - begun.current.x), done);
  };
  const press = (event: KeyboardEvent<HTMLElement>) => {
    const by = { ArrowLeft: -STEP_PX, ArrowRight: STEP_PX }[event.key];
    if (by === undefined && event.key !== 'Home') return;
    event.preventDefault();
    event.stopPropagation();
    resize(by === undefined ? undefined : clamp(widthOf(event.currentTarget) + by), true);
  };
  const stop = (event: PointerEvent) => {
    drag(event, true);
    begun.current = undefined;
  };
  return (
    <span
      role="separator"
      aria-orientation="vertical"
      aria-label={t('columns.width', { name })}
      aria-valuenow={width}
      aria-valuemin={WIDTH.least}
      aria-valuemax={WIDTH.most}
      title={t('columns.widthHelp')}
      tabIndex={0}
      className={styles.widthHandle}
      onPointerDown={down}
      onPointerMove={(event) => drag(event, false)}
      onPointerUp={stop}
      onPointerCancel={stop}
      onDoubleClick={() => resize(undefined, true)}
      onKeyDown={press}
    />
  );
}
