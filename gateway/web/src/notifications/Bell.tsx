// What the person has not read yet, in the frame.
import { useTranslation } from 'react-i18next';
import { NavLink } from 'react-router-dom';
import shell from '../shell/Shell.module.css';
import { BellOutlined } from '../ui/icons';
import styles from './Notifications.module.css';
import { useUnread } from './useUnread';

export function Bell() {
  const { t } = useTranslation();
  const unread = useUnread();
  return (
    <NavLink to="/notifications" className={shell.link} aria-label={t('notifications.unread', { count: unread })}>
      <BellOutlined /> {t('notifications.title')}
      {unread > 0 && <span className={styles.count}>{unread}</span>}
    </NavLink>
  );
}
