import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { Problem } from '../api/client';
import { ME_KEY } from '../api/session';

const ATTEMPTS = 3;

// A session that ended, or a password that must be changed, shows at whatever request meets it first.
function noticeSession(client: QueryClient, error: Error): void {
  if (!(error instanceof Problem)) return;
  if (error.status === 401) client.setQueryData(ME_KEY, null);
  if (error.code === 'must_change_password') void client.invalidateQueries({ queryKey: ME_KEY });
}

export function makeQueryClient(): QueryClient {
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError: (error) => noticeSession(client, error) }),
    mutationCache: new MutationCache({ onError: (error) => noticeSession(client, error) }),
    defaultOptions: {
      queries: {
        staleTime: 10_000, // live events keep what is shown fresh; this is for what they missed
        networkMode: 'always',
        retry: (failures, error) => failures < ATTEMPTS && error instanceof Problem && (error.status === 0 || error.status >= 502),
      },
      mutations: { networkMode: 'always' },
    },
  });
  return client;
}
