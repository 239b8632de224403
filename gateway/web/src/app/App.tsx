// Who is there decides what is shown: sign-in, a password to change, or the application.
import { lazy, Suspense } from 'react';
import { SchemaProvider, useSchemaQuery } from '../api/schema';
import { PreferencesProvider, usePreferencesQuery } from '../api/preferences';
import { MeProvider, useMeQuery } from '../api/session';
import { LiveProvider } from '../api/live';
import { ChangePassword } from '../session/ChangePassword';
import { SignIn } from '../session/SignIn';
import { ErrorState } from '../ui/ErrorState';

const Shell = lazy(() => import('../shell/Shell'));

export function App() {
  const me = useMeQuery();
  const usable = me.data != null && me.data.mustChangePassword !== true;
  const { schema, error, refetch } = useSchemaQuery(usable);
  const preferences = usePreferencesQuery(usable ? me.data?.id : undefined);

  if (me.isPending) return null;
  if (me.data === undefined) return <ErrorState error={me.error} retry={() => void me.refetch()} />;
  if (me.data === null) return <SignIn />;
  if (!usable) return <ChangePassword />;
  if (schema === undefined) return error === null ? null : <ErrorState error={error} retry={() => void refetch()} />;
  if (preferences.isPending) return null; // asked for together with the schema; without an answer one works all the same
  return (
    <MeProvider value={me.data}>
      <SchemaProvider value={schema}>
        <LiveProvider schema={schema}>
          <PreferencesProvider>
            <Suspense fallback={null}>
              <Shell />
            </Suspense>
          </PreferencesProvider>
        </LiveProvider>
      </SchemaProvider>
    </MeProvider>
  );
}
