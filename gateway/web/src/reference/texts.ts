// The page's own texts, in the language of the page: it has an address in each.
import en from '../locales/en.json';
import zh from '../locales/zh.json';

export const isChinese = document.documentElement.lang.startsWith('zh');
const texts: Record<string, string> = isChinese ? zh : en;

/** A text of the catalogue, with {name} in it replaced. */
export function t(key: string, values: Record<string, string | number> = {}): string {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}
