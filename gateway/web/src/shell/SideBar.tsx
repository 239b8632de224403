import { CheckSquareOutlined, SearchOutlined } from '../ui/icons';
import { useTranslation } from 'react-i18next';
import { Link, NavLink, useLocation } from 'react-router-dom';
import { useLive } from '../api/live';
import { useSchema, type Resource } from '../api/schema';
import { useMe } from '../api/session';
import { featureOf, myTasksPath, navigation } from '../app/features';
import { useLabel } from '../i18n/i18n';
import { MODIFIER } from '../keyboard/shortcuts';
import { Mark } from '../ui/Mark';
import { Bell } from '../notifications/Bell';
import { AccountMenu } from './AccountMenu';
import { useShell } from './shellContext';
import styles from './Shell.module.css';

export function SideBar() {
  const { t } = useTranslation();
  const schema = useSchema();
  const me = useMe();
  const { openPalette } = useShell();
  const location = useLocation();
  const everyday = navigation(schema).filter((resource) => featureOf(resource.collection).administrators !== true);
  const administration = navigation(schema).filter((resource) => featureOf(resource.collection).administrators === true);
  const tasks = myTasksPath(me.id);
  const onTasks = location.pathname + location.search === tasks;

  return (
    <nav className={styles.sidebar} aria-label={t('shell.navigation')}>
      <Link to="/" className={styles.brand}>
        <Mark />
      </Link>
      <button type="button" className={styles.search} onClick={openPalette}>
        <SearchOutlined /> {t('shell.search')} <kbd>{`${MODIFIER} K`}</kbd>
      </button>
      <Link to={tasks} className={styles.link} aria-current={onTasks ? 'page' : undefined}>
        <CheckSquareOutlined /> {t('nav.tasks')}
      </Link>
      <Bell />
      {everyday.map((resource) => (
        <NavItem key={resource.collection} resource={resource} current={onTasks ? false : undefined} />
      ))}
      {administration.length > 0 && <h2 className={styles.heading}>{t('shell.administration')}</h2>}
      {administration.map((resource) => (
        <NavItem key={resource.collection} resource={resource} />
      ))}
      <div className={styles.foot}>
        <LiveIndicator />
        <AccountMenu />
      </div>
    </nav>
  );
}

function NavItem({ resource, current }: { resource: Resource; current?: false }) {
  const label = useLabel();
  const { icon: Icon } = featureOf(resource.collection);
  return (
    <NavLink to={`/${resource.collection}`} className={styles.link} aria-current={current ?? 'page'}>
      <Icon /> {label(resource.plural)}
    </NavLink>
  );
}

function LiveIndicator() {
  const { t } = useTranslation();
  const state = useLive();
  return (
    <div className={styles.live} role="status" title={t(`live.${state}.help`)}>
      <span className={styles.dot} data-state={state} />
      {t(`live.${state}`)}
    </div>
  );
}
