import { DatePicker } from 'antd';
import dayjs, { type Dayjs } from 'dayjs';
import { useSettings } from '../app/settings';
import { fromWall, toWall } from '../i18n/zone';
import type { EditorProps } from './FieldEditor';

// Loaded when the first date is edited: the calendar is the heaviest of the inputs.
export default function DateEditor({ field, value, onChange, input, autoFocus, open }: EditorProps) {
  const { timeZone } = useSettings();
  const withTime = field.type === 'timestamp';
  const shown = typeof value === 'string' && value !== '' ? (withTime ? toWall(value, timeZone) : dayjs(value)) : null;
  const tell = (next: Dayjs | null) => onChange(next === null ? undefined : withTime ? fromWall(next, timeZone) : next.format('YYYY-MM-DD'));
  return (
    <DatePicker
      {...input}
      autoFocus={autoFocus}
      defaultOpen={open}
      style={{ width: '100%' }}
      showTime={withTime ? { format: 'HH:mm', minuteStep: 5 } : false}
      format={withTime ? 'YYYY-MM-DD HH:mm' : 'YYYY-MM-DD'}
      allowClear={field.required !== true}
      value={shown}
      onChange={tell}
    />
  );
}
