// What the palette offers. A command that this person may not run is not there.
import { BgColorsOutlined, CheckSquareOutlined, ClockCircleOutlined, ImportOutlined, PlusOutlined, QuestionCircleOutlined, TranslationOutlined } from '../ui/icons';
import { useMemo, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { useSchema, type LocalText, type Resource } from '../api/schema';
import { useMe } from '../api/session';
import { featureOf, myTasksPath, navigation } from '../app/features';
import { changeSettings, useSettings } from '../app/settings';
import { useCreate } from '../form/CreateProvider';
import { useInlineLabel } from '../i18n/i18n';
import { useShell } from './shellContext';

export interface Command {
  key: string;
  title: string;
  search: string; // lower case; both languages and pinyin
  icon: ReactNode;
  hint?: string | LocalText;
  shortcut?: string;
  run: () => void;
}

const both = (text: LocalText) => `${text.en} ${text.zh}`.toLowerCase();

export function useCommands(): Command[] {
  const { t, i18n } = useTranslation();
  const schema = useSchema();
  const me = useMe();
  const inline = useInlineLabel();
  const navigate = useNavigate();
  const create = useCreate();
  const { openHelp, openZone } = useShell();
  const settings = useSettings();

  return useMemo(() => {
    // Its words in both languages and in pinyin: found whatever one types.
    const words = (key: string) => `${i18n.getFixedT('en')(key)} ${i18n.getFixedT('zh')(key)}`.toLowerCase();
    const resources = navigation(schema);
    const creatable = resources.filter((resource) => resource.rights?.create === true && resource.readOnly !== true);
    const importable = creatable.filter((resource) => featureOf(resource.collection).importMethod !== undefined);
    const go = (resource: Resource): Command => {
      const Icon = featureOf(resource.collection).icon;
      return {
        key: `go:${resource.collection}`, title: t('palette.go', { name: inline(resource.plural) }), icon: <Icon />,
        search: `${both(resource.plural)} ${t('palette.go', { name: '' }).toLowerCase()}`, run: () => navigate(`/${resource.collection}`),
      };
    };
    return [
      ...creatable.map((resource) => ({
        key: `new:${resource.collection}`, title: t('palette.create', { name: inline(resource.label) }), icon: <PlusOutlined />,
        search: `${both(resource.label)} new create 新建 xinjian xj`, run: () => create(resource),
      })),
      { key: 'tasks', title: t('nav.tasks'), icon: <CheckSquareOutlined />, search: words('nav.tasks'), run: () => navigate(myTasksPath(me.id)) },
      ...resources.map(go),
      ...importable.map((resource) => ({
        key: `import:${resource.collection}`, title: t('palette.import', { name: inline(resource.plural) }), icon: <ImportOutlined />,
        search: `${both(resource.plural)} import 导入 daoru dr`, run: () => navigate(`/${resource.collection}/import`),
      })),
      {
        key: 'language', title: t('settings.otherLanguage'), icon: <TranslationOutlined />, search: 'language english chinese 语言 中文 英文 yuyan zhongwen yingwen',
        run: () => changeSettings({ language: settings.language === 'zh' ? 'en' : 'zh' }),
      },
      ...(['light', 'dark', 'system'] as const).map((theme) => ({
        key: `theme:${theme}`, title: t('palette.theme', { name: t(`settings.theme.${theme}`) }), icon: <BgColorsOutlined />,
        search: `${words(`settings.theme.${theme}`)} theme 主题 zhuti`, run: () => changeSettings({ theme }),
      })),
      { key: 'zone', title: t('settings.timeZone'), icon: <ClockCircleOutlined />, search: `${words('settings.timeZone')} shiqu sq`, run: openZone },
      { key: 'help', title: t('help.title'), icon: <QuestionCircleOutlined />, search: words('help.title'), shortcut: '?', run: openHelp },
    ];
  }, [t, i18n, schema, me.id, inline, navigate, create, openHelp, openZone, settings.language]);
}
