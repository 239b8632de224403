// The colours of both themes, in one place: Ant Design gets them as tokens, our own style sheets as --gx-* variables.
// Text colours keep 4.5:1 on `page`, `surface` and `hover`; tests/browser has axe look at every screen.
import { theme, type ThemeConfig } from 'antd';

export interface Palette {
  page: string;
  surface: string;
  raised: string;
  hover: string;
  selected: string;
  border: string;
  borderStrong: string;
  text: string;
  textSoft: string;
  textFaint: string;
  accent: string;
  accentHover: string;
  onAccent: string;
  red: string;
  redSoft: string;
  gold: string;
  goldSoft: string;
  green: string;
  greenSoft: string;
  blue: string;
  blueSoft: string;
  neutralSoft: string;
  shadow: string;
}

export const PALETTES: Record<'light' | 'dark', Palette> = {
  light: {
    page: '#f6f7f8', surface: '#ffffff', raised: '#ffffff', hover: '#f0f2f4', selected: '#e3f0f2',
    border: '#e4e7ea', borderStrong: '#c9cfd5',
    text: '#1a2026', textSoft: '#4d5761', textFaint: '#5f6a75',
    accent: '#0f6a78', accentHover: '#0b5562', onAccent: '#ffffff',
    red: '#b3261e', redSoft: '#fdecea', gold: '#85560a', goldSoft: '#fdf3dc', green: '#1c6b3a', greenSoft: '#e5f4ea',
    blue: '#1f57a8', blueSoft: '#e6effb', neutralSoft: '#eceff2',
    shadow: '0 8px 28px rgb(16 24 32 / 14%)',
  },
  dark: {
    page: '#121517', surface: '#181c1f', raised: '#20262a', hover: '#22282c', selected: '#17343a',
    border: '#2a3136', borderStrong: '#434c53',
    text: '#e7eaed', textSoft: '#b3bcc4', textFaint: '#98a3ad',
    accent: '#5cc0cf', accentHover: '#7dd0dc', onAccent: '#05242a',
    red: '#ff9a90', redSoft: '#3b1f1d', gold: '#eabf6b', goldSoft: '#352a14', green: '#7fd29c', greenSoft: '#17301f',
    blue: '#93bdf6', blueSoft: '#1a2a40', neutralSoft: '#2a3136',
    shadow: '0 8px 28px rgb(0 0 0 / 50%)',
  },
};

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export function applyPalette(mode: 'light' | 'dark'): void {
  const { style, dataset } = document.documentElement;
  style.colorScheme = mode;
  dataset.theme = mode;
  for (const [name, value] of Object.entries(PALETTES[mode])) style.setProperty(`--gx-${kebab(name)}`, value as string);
}

export function antTheme(mode: 'light' | 'dark', dense: boolean, reducedMotion: boolean): ThemeConfig {
  const palette = PALETTES[mode];
  return {
    algorithm: mode === 'dark' ? theme.darkAlgorithm : theme.defaultAlgorithm,
    cssVar: { key: 'gx' },
    hashed: false,
    token: {
      fontFamily: 'var(--gx-font)', fontSize: 14, borderRadius: 6, wireframe: false,
      controlHeight: dense ? 30 : 34,
      controlHeightSM: 24, // the least that a finger or a shaking hand can be asked to hit (WCAG 2.5.8)
      motion: !reducedMotion, motionDurationFast: '0.08s', motionDurationMid: '0.12s', motionDurationSlow: '0.15s',
      colorPrimary: palette.accent, colorPrimaryHover: palette.accentHover, colorTextLightSolid: palette.onAccent,
      colorLink: palette.accent, colorLinkHover: palette.accentHover, colorInfo: palette.accent,
      colorError: palette.red, colorWarning: palette.gold, colorSuccess: palette.green,
      colorBgBase: palette.surface, colorBgContainer: palette.surface, colorBgElevated: palette.raised, colorBgLayout: palette.page,
      colorText: palette.text, colorTextSecondary: palette.textSoft, colorTextTertiary: palette.textFaint, colorTextDescription: palette.textFaint,
      colorTextPlaceholder: palette.textFaint, colorBorder: palette.borderStrong, colorBorderSecondary: palette.border,
      controlItemBgActive: palette.selected, controlItemBgHover: palette.hover, boxShadowSecondary: palette.shadow,
    },
    components: { Tooltip: { colorBgSpotlight: mode === 'dark' ? '#39424a' : '#262e36', colorTextLightSolid: '#ffffff' } },
  };
}
