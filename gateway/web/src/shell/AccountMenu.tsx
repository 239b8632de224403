import { Dropdown, type MenuProps } from 'antd';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { useMe, useSignOut } from '../api/session';
import { changeSettings, useSettings, type Settings } from '../app/settings';
import { Avatar } from '../ui/Avatar';
import { useProblemText } from '../ui/ErrorState';
import { useToast } from '../ui/Toasts';
import { useUnread } from '../notifications/useUnread';
import { useShell } from './shellContext';
import styles from './Shell.module.css';

const CHOICES: { [K in 'language' | 'theme' | 'density']: readonly Settings[K][] } = {
  language: ['zh', 'en'],
  theme: ['system', 'light', 'dark'],
  density: ['compact', 'comfortable'],
};

export function AccountMenu({ phone = false }: { phone?: boolean }) {
  const { t } = useTranslation();
  const me = useMe();
  const settings = useSettings();
  const navigate = useNavigate();
  const signOut = useSignOut();
  const toast = useToast();
  const problemText = useProblemText();
  const { openHelp, openZone } = useShell();
  const unread = useUnread();

  const choice = (setting: keyof typeof CHOICES) => ({
    key: setting,
    type: 'group' as const,
    label: t(`settings.${setting}`),
    children: CHOICES[setting].map((value) => ({ key: `${setting}:${value}`, label: t(`settings.${setting}.${value}`) })),
  });
  const items: MenuProps['items'] = [
    choice('language'),
    choice('theme'),
    choice('density'),
    { key: 'zone', label: t('settings.timeZone.open') },
    { type: 'divider' },
    ...(phone ? [{ key: 'notifications', label: t('notifications.unread', { count: unread }) }] : []),
    { key: 'sessions', label: t('account.sessions') },
    { key: 'apiKeys', label: t('keys.title') },
    { key: 'help', label: t('help.title') },
    { key: 'signOut', label: t('account.signOut') },
  ];
  const run = (key: string) => {
    const [setting, value] = key.split(':');
    if (value !== undefined) changeSettings({ [setting as string]: value });
    else if (['sessions', 'notifications', 'apiKeys'].includes(key)) navigate(`/${key}`);
    else if (key === 'help') openHelp();
    else if (key === 'zone') openZone();
    else void signOut().catch((error: unknown) => toast({ kind: 'error', text: problemText(error) }));
  };

  return (
    <Dropdown
      trigger={['click']}
      placement="topLeft"
      menu={{ items, selectable: true, selectedKeys: Object.entries(settings).map(([name, value]) => `${name}:${String(value)}`), onClick: ({ key }) => run(key) }}
    >
      <button type="button" className={phone ? styles.tab : styles.account} aria-label={t('account.menu', { name: me.name })} aria-haspopup="menu">
        <Avatar name={me.name} />
        <span className={phone ? styles.tabText : styles.name}>{phone ? t('account.me') : me.name}</span>
      </button>
    </Dropdown>
  );
}
