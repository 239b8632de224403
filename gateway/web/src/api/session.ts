// Who is signed in. The session itself is an HttpOnly cookie that no script can read; [me] holds the person, or null.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, useCallback, useContext } from 'react';
import { Problem, request } from './client';
import type { RecordData } from './records';

export const ME_KEY = ['me'] as const;

export interface Me extends RecordData {
  name: string;
  email: string;
  role?: string;
  mustChangePassword?: boolean;
}

export function useMeQuery() {
  return useQuery({
    queryKey: ME_KEY,
    queryFn: async ({ signal }) => {
      try {
        return (await request<Me>('GET', '/api/v1/me', { signal })).data;
      } catch (error) {
        if (error instanceof Problem && error.status === 401) return null;
        throw error;
      }
    },
    staleTime: 5 * 60_000,
  });
}

const MeContext = createContext<Me | null>(null);
export const MeProvider = MeContext.Provider;

export function useMe(): Me {
  const me = useContext(MeContext);
  if (me === null) throw new Error('useMe() outside of MeProvider');
  return me;
}

export async function signIn(email: string, password: string): Promise<void> {
  const client = navigator.userAgent.slice(0, 200);
  await request('POST', '/api/v1/sessions', { body: { email, password, client }, headers: { 'X-Guanxi-Session': 'cookie' } });
}

export async function changePassword(currentPassword: string, newPassword: string): Promise<void> {
  await request('POST', '/api/v1/me:changePassword', { body: { currentPassword, newPassword } });
}

// Signs out and forgets everything that was loaded in this person's name.
export function useSignOut(): () => Promise<void> {
  const client = useQueryClient();
  return useCallback(async () => {
    try {
      await request('DELETE', '/api/v1/sessions/current');
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error;
    }
    client.setQueryData(ME_KEY, null);
    client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== ME_KEY[0] });
  }, [client]);
}
