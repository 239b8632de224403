import styles from './Mark.module.css';

// Two people, and the third who knows both.
export function Mark() {
  return (
    <span className={styles.mark}>
      <svg viewBox="0 0 64 64" width="24" height="24" aria-hidden="true">
        <rect width="64" height="64" rx="14" fill="var(--gx-accent)" />
        <g fill="none" stroke="var(--gx-on-accent)" strokeWidth="4.5" strokeLinecap="round">
          <path d="M24 41 40 23" />
          <circle cx="19" cy="46" r="7" />
          <circle cx="45" cy="18" r="7" />
        </g>
        <circle cx="45" cy="45" r="5" fill="var(--gx-on-accent)" opacity="0.6" />
      </svg>
      <span>Guanxi</span>
      <span lang="zh-CN" className={styles.han}>关系</span>
    </span>
  );
}
