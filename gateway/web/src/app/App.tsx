// Who is there decides what is shown: sign-in, a password to change, or the application.
import { lazy, Suspense } from 'react';
import { SchemaProvider, useSchemaQuery } from '../api/schema';
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

  if (me.isPending) return null;
  if (me.data === undefined) return <ErrorState error={me.error} retry={() => void me.refetch()} />;
  if (me.data === null) return <SignIn />;
  if (!usable) return <ChangePassword />;
  if (schema === undefined) return error === null ? null : <ErrorState error={error} retry={() => void refetch()} />;
  return (
    <MeProvider value={me.data}>
      <SchemaProvider value={schema}>
        <LiveProvider schema={schema}>
          <Suspense fallback={null}>
            <Shell />
          </Suspense>
        </LiveProvider>
      </SchemaProvider>
    </MeProvider>
  );
}
