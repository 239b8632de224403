// A telephone number in groups, as people read it: +86 138 1234 5678. The gaps are room, not characters, so that copying and
// finding in the page give the number as it is kept (E.164).
import { useSyncExternalStore } from 'react';
import styles from './FieldValue.module.css';

type ToGroups = (number: string) => string[];

const whole: ToGroups = (number) => [number];
const listeners = new Set<() => void>();
let toGroups = whole;
let loading: Promise<void> | undefined;

const load = () =>
  import('./phoneGroups').then(({ phoneGroups }) => {
    toGroups = phoneGroups;
    listeners.forEach((listener) => listener());
  });

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  loading ??= load().catch(() => {
    loading = undefined; // shown as they are kept, and tried again with the next number
  });
  return () => listeners.delete(listener);
}

export function PhoneNumber({ number }: { number: string }) {
  const groups = useSyncExternalStore(subscribe, () => toGroups)(number);
  return (
    <span className={styles.phone}>
      {groups.map((group, index) => (
        <span key={index}>{group}</span>
      ))}
    </span>
  );
}
