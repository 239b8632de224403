// A label, an input and what is wrong with it, tied together for everyone who cannot see that they are.
import { useId, type ReactNode } from 'react';
import styles from './Field.module.css';

export interface InputProps {
  id: string;
  'aria-label'?: string; // where no label stands beside it
  'aria-describedby'?: string;
  'aria-invalid'?: boolean;
  'aria-required'?: boolean;
}

// A Select is a box around its input: it takes less.
export const selectProps = ({ 'aria-required': _required, 'aria-invalid': invalid, ...rest }: InputProps) => ({ ...rest, status: invalid === true ? ('error' as const) : undefined });

interface Props {
  label: string;
  required?: boolean;
  help?: string;
  error?: string;
  children: (props: InputProps) => ReactNode;
}

export function Field({ label, required = false, help, error, children }: Props) {
  const id = useId();
  const noteId = `${id}-note`;
  const note = error ?? help;
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={styles.label}>
        {label}
        {required && <span className={styles.required} aria-hidden="true">*</span>}
      </label>
      {children({
        id,
        'aria-describedby': note === undefined || note === '' ? undefined : noteId,
        'aria-invalid': error === undefined ? undefined : true,
        'aria-required': required || undefined,
      })}
      {note !== undefined && note !== '' && (
        <p id={noteId} className={error === undefined ? styles.help : styles.error} role={error === undefined ? undefined : 'alert'}>
          {note}
        </p>
      )}
    </div>
  );
}
