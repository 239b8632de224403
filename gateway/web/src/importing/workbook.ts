// A workbook becomes the CSV that goes the way of any other file: its first sheet, read in the browser. The reader is loaded
// when someone chooses a workbook.
import type { CellValue } from 'read-excel-file/browser';

export const isWorkbook = (name: string): boolean => /\.xlsx$/i.test(name);

// Dates as the API takes them; a time of day only where there is one.
function textOfCell(value: CellValue | null): string {
  if (value === null) return '';
  if (!(value instanceof Date)) return String(value);
  const text = value.toISOString();
  return text.endsWith('T00:00:00.000Z') ? text.slice(0, 10) : text;
}

// A cell that begins with an apostrophe keeps it: reading takes one away where a formula follows (services/kit/csv.h).
const guarded = (text: string) => (/^'+[=+\-@\t\r]/.test(text) ? `'${text}` : text);
const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

export async function csvOfWorkbook(file: File): Promise<File> {
  const { readSheet } = await import('read-excel-file/browser');
  const rows = await readSheet(file);
  const lines = rows.map((row) => row.map((cell) => quoted(guarded(textOfCell(cell)))).join(','));
  return new File([`${lines.join('\r\n')}\r\n`], file.name.replace(/\.xlsx$/i, '.csv'), { type: 'text/csv' });
}
