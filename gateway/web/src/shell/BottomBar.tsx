import { CheckSquareOutlined } from '../ui/icons';
import { useTranslation } from 'react-i18next';
import { Link, NavLink, useLocation } from 'react-router-dom';
import { useSchema } from '../api/schema';
import { useMe } from '../api/session';
import { featureOf, myTasksPath, navigation } from '../app/features';
import { useLabel } from '../i18n/i18n';
import { AccountMenu } from './AccountMenu';
import styles from './Shell.module.css';

const PLACES = 3; // beside tasks and the person

export function BottomBar() {
  const { t } = useTranslation();
  const label = useLabel();
  const schema = useSchema();
  const me = useMe();
  const { pathname, search } = useLocation();
  const tasks = myTasksPath(me.id);
  const onTasks = pathname + search === tasks;
  return (
    <nav className={styles.bottombar} aria-label={t('shell.navigation')}>
      <Link to={tasks} className={styles.tab} aria-current={onTasks ? 'page' : undefined}>
        <CheckSquareOutlined />
        <span className={styles.tabText}>{t('nav.tasks')}</span>
      </Link>
      {navigation(schema)
        .slice(0, PLACES)
        .map((resource) => {
          const { icon: Icon } = featureOf(resource.collection);
          return (
            <NavLink key={resource.collection} to={`/${resource.collection}`} className={styles.tab} aria-current={onTasks ? false : 'page'}>
              <Icon />
              <span className={styles.tabText}>{label(resource.plural)}</span>
            </NavLink>
          );
        })}
      <AccountMenu phone />
    </nav>
  );
}
