// Things in a row or a column that are dragged to another place, by mouse, pen or finger. Each wears data-place; what it is
// dragged by gets `grip(place)` and, in the style sheet, touch-action: none.
import { useEffect, useRef, useState, type PointerEvent as ReactPointerEvent } from 'react';

const THRESHOLD_PX = 5; // less is a click

export interface Dragged {
  from: number;
  to: number;
}

export interface Reorder {
  dragged: Dragged | undefined;
  grip: (place: number) => { onPointerDown: (event: ReactPointerEvent<HTMLElement>) => void };
}

// Where it would come to stand: before the first thing whose middle is past the pointer.
function placeAt(things: Element[], from: number, at: number, axis: 'x' | 'y'): number {
  const passed = things.filter((thing) => {
    const box = thing.getBoundingClientRect();
    return at > (axis === 'x' ? box.left + box.width / 2 : box.top + box.height / 2);
  }).length;
  return passed > from ? passed - 1 : passed;
}

// The button that was dragged by is not clicked as well.
function swallowClick(): void {
  const swallow = (event: MouseEvent) => {
    event.stopPropagation();
    event.preventDefault();
  };
  window.addEventListener('click', swallow, { capture: true, once: true });
  setTimeout(() => window.removeEventListener('click', swallow, { capture: true }), 0);
}

export function useReorder(axis: 'x' | 'y', move: (from: number, to: number) => void): Reorder {
  const [dragged, setDragged] = useState<Dragged>();
  const end = useRef<() => void>();
  useEffect(() => () => end.current?.(), []);

  const begin = (from: number, event: ReactPointerEvent<HTMLElement>) => {
    const row = event.currentTarget.closest('[data-place]')?.parentElement;
    if (!event.isPrimary || event.button !== 0 || !row) return;
    const things = [...row.querySelectorAll(':scope > [data-place]')];
    const [startX, startY] = [event.clientX, event.clientY];
    let now: Dragged | undefined;
    const events = new AbortController();
    const finish = () => {
      events.abort();
      setDragged(undefined);
    };
    const options = { signal: events.signal };
    end.current?.();
    end.current = finish;
    window.addEventListener('pointermove', ({ clientX, clientY }) => {
      if (now === undefined && Math.hypot(clientX - startX, clientY - startY) < THRESHOLD_PX) return;
      now = { from, to: placeAt(things, from, axis === 'x' ? clientX : clientY, axis) };
      setDragged(now);
    }, options);
    window.addEventListener('pointerup', () => {
      finish();
      if (now === undefined) return;
      swallowClick();
      if (now.to !== from) move(from, now.to);
    }, options);
    window.addEventListener('pointercancel', finish, options);
    window.addEventListener('keydown', (key) => {
      if (key.key !== 'Escape' || now === undefined) return;
      key.stopPropagation();
      swallowClick();
      finish();
    }, { ...options, capture: true });
  };
  return { dragged, grip: (place) => ({ onPointerDown: (event) => begin(place, event) }) };
}

// How the one at `place` looks meanwhile: what moves, and on which side of what it would come to stand.
export function dropMark(dragged: Dragged | undefined, place: number): 'moving' | 'before' | 'after' | undefined {
  if (dragged === undefined) return undefined;
  if (place === dragged.from) return 'moving';
  if (place !== dragged.to) return undefined;
  return dragged.to > dragged.from ? 'after' : 'before';
}
