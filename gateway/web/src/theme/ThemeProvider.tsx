import { ConfigProvider } from 'antd';
import zhCN from 'antd/locale/zh_CN';
import enGB from 'antd/locale/en_GB';
import dayjs from 'dayjs';
import 'dayjs/locale/zh-cn';
import { useLayoutEffect, useMemo, type ReactNode } from 'react';
import { useSettings } from '../app/settings';
import { useMediaQuery } from '../ui/useMediaQuery';
import { antTheme, applyPalette } from './tokens';
import './global.css';

const ANT_LOCALES = { en: enGB, zh: zhCN };

export function ThemeProvider({ children }: { children: ReactNode }) {
  const { theme, density, language } = useSettings();
  const systemDark = useMediaQuery('(prefers-color-scheme: dark)');
  const reducedMotion = useMediaQuery('(prefers-reduced-motion: reduce)');
  const mode = theme === 'system' ? (systemDark ? 'dark' : 'light') : theme;
  const config = useMemo(() => antTheme(mode, density === 'compact', reducedMotion), [mode, density, reducedMotion]);

  useLayoutEffect(() => {
    applyPalette(mode);
    document.documentElement.dataset.density = density;
    dayjs.locale(language === 'zh' ? 'zh-cn' : 'en');
  }, [mode, density, language]);

  return (
    <ConfigProvider theme={config} locale={ANT_LOCALES[language]} button={{ autoInsertSpace: false }} wave={{ disabled: true }}>
      {children}
    </ConfigProvider>
  );
}
