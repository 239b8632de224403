// The frame of what is seen before one is in: name, language, one form.
import { type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { changeSettings, useSettings } from '../app/settings';
import { Mark } from '../ui/Mark';
import { usePageTitle } from '../ui/usePageTitle';
import styles from './Entrance.module.css';

export function Entrance({ title, children }: { title: string; children: ReactNode }) {
  const { t } = useTranslation();
  const { language } = useSettings();
  usePageTitle(title);
  return (
    <main className={styles.page}>
      <div className={styles.box}>
        <header className={styles.head}>
          <Mark />
          <button
            type="button"
            className={styles.language}
            lang={language === 'zh' ? 'en' : 'zh-CN'}
            onClick={() => changeSettings({ language: language === 'zh' ? 'en' : 'zh' })}
          >
            {t('settings.otherLanguage')}
          </button>
        </header>
        <h1 className={styles.title}>{title}</h1>
        {children}
      </div>
    </main>
  );
}
