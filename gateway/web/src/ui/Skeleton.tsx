import styles from './Skeleton.module.css';
import { useDelayed } from './useDelayed';

const WIDTHS = ['62%', '48%', '71%', '55%', '66%', '40%'];

// Grey lines where rows will be; nothing for the first 150 ms.
export function Skeleton({ rows }: { rows: number }) {
  if (!useDelayed(true)) return null;
  return (
    <div className={styles.skeleton} aria-hidden="true">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className={styles.row}>
          <span style={{ width: WIDTHS[index % WIDTHS.length] }} />
        </div>
      ))}
    </div>
  );
}
