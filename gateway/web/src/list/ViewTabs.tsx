// The saved views of a list, above it: where one is, whether it was changed, and what can be done with it.
import { Button } from 'antd';
import { lazy, Suspense, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router-dom';
import { useListPreferences } from '../api/preferences';
import type { Resource } from '../api/schema';
import { useMe } from '../api/session';
import { useProblemText } from '../ui/ErrorState';
import { TeamOutlined } from '../ui/icons';
import { useToast } from '../ui/Toasts';
import styles from './List.module.css';
import type { ListState } from './useListState';
import { ViewMenu } from './ViewMenu';
import { isChanged, searchOf, useViewActions, valuesOf, type Shown, type View } from './views';

const ViewDialog = lazy(() => import('./ViewDialog'));

interface Props {
  resource: Resource;
  state: ListState;
  views: View[];
  active: View | undefined;
  shown: Shown;
}

const ALL = '?view=all';

// A list that is asked for nothing opens with the view that the person put first.
function useFirstView({ resource, state, views }: Props): string | undefined {
  const navigate = useNavigate();
  const first = useListPreferences().listOf(resource.collection)?.viewId;
  const view = views.find(({ id }) => id === first);
  useEffect(() => {
    if (state.isEmpty && view !== undefined) navigate({ search: searchOf(view) }, { replace: true });
  }, [state.isEmpty, view, navigate]);
  return first;
}

export function ViewTabs(props: Props) {
  const { resource, views, active, shown } = props;
  const { t } = useTranslation();
  const me = useMe();
  const navigate = useNavigate();
  const toast = useToast();
  const problemText = useProblemText();
  const actions = useViewActions(resource);
  const first = useFirstView(props);
  const { keepList } = useListPreferences();
  const [dialog, setDialog] = useState<'new' | 'edit' | null>(null);

  const changed = active !== undefined && isChanged(active, shown);
  const mine = active !== undefined && (active.ownerId === me.id || me.role === 'administrator');
  const isAsked = shown.query !== '' || shown.group !== undefined || changed;
  if (views.length === 0 && !isAsked) return null;

  const attempt = (work: Promise<unknown>) => void work.catch((error: unknown) => toast({ kind: 'error', text: problemText(error) }));
  const remove = async (view: View) => {
    await actions.remove(view);
    navigate({ search: ALL });
    toast({ text: t('view.deleted', { name: view.name }), action: { label: t('common.undo'), run: () => attempt(actions.restore(view)) } });
  };
  const move = (view: View, by: number) => {
    const own = views.filter(({ ownerId }) => ownerId === me.id);
    const at = own.findIndex(({ id }) => id === view.id);
    const others = own.filter(({ id }) => id !== view.id);
    others.splice(Math.max(0, at + by), 0, view);
    const moved = others.flatMap((other, place) => (Number(other['position']) === place ? [] : [{ other, place }]));
    attempt(Promise.all(moved.map(({ other, place }) => actions.change(other, { position: String(place) }))));
  };

  return (
    <nav className={styles.views} aria-label={t('view.title')}>
      <Link to={{ search: ALL }} className={styles.viewTab} aria-current={active === undefined ? 'page' : undefined}>
        {t('view.all')}
      </Link>
      {views.map((view) => (
        <Link key={view.id} to={{ search: searchOf(view) }} className={styles.viewTab} aria-current={view.id === active?.id ? 'page' : undefined}>
          {view.shared !== 'nobody' && <TeamOutlined className={styles.viewShared} />}
          {view.name}
          {view.id === active?.id && changed && <span className={styles.viewChanged} title={t('view.changed')} aria-label={t('view.changed')} role="img" />}
        </Link>
      ))}
      {changed && mine && (
        <Button size="small" type="link" onClick={() => attempt(actions.change(active, valuesOf(shown)))}>
          {t('common.save')}
        </Button>
      )}
      {isAsked && (active === undefined || (changed && !mine)) && (
        <Button size="small" type="link" onClick={() => setDialog('new')}>
          {t('view.saveAs')}
        </Button>
      )}
      {active !== undefined && (
        <ViewMenu
          name={active.name}
          mine={mine}
          own={active.ownerId === me.id}
          changed={changed}
          first={first === active.id}
          run={{
            saveAs: () => setDialog('new'),
            edit: () => setDialog('edit'),
            discard: () => navigate({ search: searchOf(active) }),
            first: () => keepList(resource.collection, { viewId: first === active.id ? undefined : active.id }),
            left: () => move(active, -1),
            right: () => move(active, 1),
            remove: () => attempt(remove(active)),
          }}
        />
      )}
      <Suspense fallback={null}>
        {dialog === 'new' && (
          <ViewDialog title={t('view.new')} submit={async (values) => { navigate({ search: searchOf(await actions.create(values, shown)) }); }} close={() => setDialog(null)} />
        )}
        {dialog === 'edit' && active !== undefined && (
          <ViewDialog title={t('view.edit')} initial={active} submit={(values) => actions.change(active, { ...values })} close={() => setDialog(null)} />
        )}
      </Suspense>
    </nav>
  );
}
