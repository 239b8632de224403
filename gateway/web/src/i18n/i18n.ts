// Texts of the interface in two languages, with plurals by ICU. Labels of fields come from the schema, errors from the
// server; all follow the same switch.
import i18next from 'i18next';
import ICU from 'i18next-icu';
import { useMemo } from 'react';
import { initReactI18next } from 'react-i18next';
import type { LocalText } from '../api/schema';
import { getSettings, subscribe, useSettings } from '../app/settings';
import en from '../locales/en.json';
import zh from '../locales/zh.json';

function followSettings(): void {
  const { language } = getSettings();
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  if (i18next.language !== language) void i18next.changeLanguage(language);
}

export async function startTexts(): Promise<void> {
  await i18next.use(ICU).use(initReactI18next).init({
    lng: getSettings().language,
    resources: { en: { translation: en }, zh: { translation: zh } },
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false }, // React escapes
  });
  followSettings();
  subscribe(followSettings);
}

// The same in the middle of a sentence: English writes "New customer", but "ID" stays as it is.
export function useInlineLabel(): (text: LocalText | undefined) => string {
  const label = useLabel();
  return useMemo(
    () => (text) => {
      const whole = label(text);
      return /^[A-Z][a-z]/.test(whole) ? whole.charAt(0).toLowerCase() + whole.slice(1) : whole;
    },
    [label],
  );
}

// Picks a text of the schema in the language in use.
export function useLabel(): (text: LocalText | undefined) => string {
  const { language } = useSettings();
  return useMemo(() => (text) => text?.[language] ?? '', [language]);
}
