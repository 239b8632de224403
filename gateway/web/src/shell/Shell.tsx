// The frame: navigation at the side (below, on a phone), the screen beside it, and what can be opened from anywhere.
import { lazy, Suspense, useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, Route, Routes, useLocation } from 'react-router-dom';
import { useSchema } from '../api/schema';
import { navigation } from '../app/features';
import { CreateProvider } from '../form/CreateProvider';
import { JobToasts } from '../jobs/JobToasts';
import { useShortcuts } from '../keyboard/shortcuts';
import { EditProvider } from '../record/EditProvider';
import { ErrorBoundary } from '../ui/ErrorBoundary';
import { Skeleton } from '../ui/Skeleton';
import { usePhone } from '../ui/useMediaQuery';
import { BottomBar } from './BottomBar';
import { ShellContext } from './shellContext';
import { SideBar } from './SideBar';
import styles from './Shell.module.css';

const ListScreen = lazy(() => import('../list/ListScreen'));
const RecordScreen = lazy(() => import('../record/RecordScreen'));
const JobScreen = lazy(() => import('../jobs/JobScreen'));
const ImportScreen = lazy(() => import('../importing/ImportScreen'));
const KeysScreen = lazy(() => import('../keys/KeysScreen'));
const MergeScreen = lazy(() => import('../merging/MergeScreen'));
const DuplicateScreen = lazy(() => import('../merging/DuplicateScreen'));
const WebhookScreen = lazy(() => import('../webhooks/WebhookScreen'));
const NotificationsScreen = lazy(() => import('../notifications/NotificationsScreen'));
const Palette = lazy(() => import('./Palette'));
const HelpDialog = lazy(() => import('./HelpDialog'));

type Overlay = 'palette' | 'help' | null;

export default function Shell() {
  const { t } = useTranslation();
  const schema = useSchema();
  const phone = usePhone();
  const location = useLocation();
  const [overlay, setOverlay] = useState<Overlay>(null);
  const close = useCallback(() => setOverlay(null), []);
  const shell = useMemo(() => ({ openPalette: () => setOverlay('palette'), openHelp: () => setOverlay('help'), left: new Map<string, string>() }), []);

  useShortcuts({ 'mod+k': () => setOverlay((old) => (old === 'palette' ? null : 'palette')) }, true);
  useShortcuts({ '?': shell.openHelp });

  const home = `/${navigation(schema)[0]?.collection ?? 'customers'}`;
  return (
    <ShellContext.Provider value={shell}>
      <EditProvider>
        <CreateProvider>
         <JobToasts>
          <a className="skip-link" href="#screen">{t('shell.skip')}</a>
          <div className={styles.shell}>
            {!phone && <SideBar />}
            <main id="screen" className={styles.screen} tabIndex={-1}>
              <ErrorBoundary key={location.pathname}>
                <Suspense fallback={<Skeleton rows={12} />}>
                  <Routes>
                    <Route path="/" element={<Navigate to={home} replace />} />
                    <Route path="/apiKeys" element={<KeysScreen />} />
                    <Route path="/:collection" element={<ListScreen />} />
                    <Route path="/:collection/import" element={<ImportScreen />} />
                    <Route path="/customers/merge" element={<MergeScreen />} />
                    <Route path="/duplicates/:id" element={<DuplicateScreen />} />
                    <Route path="/jobs/:id" element={<JobScreen />} />
                    <Route path="/webhooks/:id" element={<WebhookScreen />} />
                    <Route path="/notifications" element={<NotificationsScreen />} />
                    <Route path="/:collection/:id" element={<RecordScreen />} />
                    <Route path="*" element={<Navigate to={home} replace />} />
                  </Routes>
                </Suspense>
              </ErrorBoundary>
            </main>
            {phone && <BottomBar />}
          </div>
          <Suspense fallback={null}>
            {overlay === 'palette' && <Palette close={close} />}
            {overlay === 'help' && <HelpDialog close={close} />}
          </Suspense>
         </JobToasts>
        </CreateProvider>
      </EditProvider>
    </ShellContext.Provider>
  );
}
