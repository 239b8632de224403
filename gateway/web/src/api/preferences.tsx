// What a person chose, kept on the server: it follows them to every browser, also while they work there (api/live.tsx).
import { useQueryClient, type QueryClient } from '@tanstack/react-query';
import { createContext, useCallback, useContext, useEffect, useMemo, useRef, type ReactNode } from 'react';
import { applySettings, onChoice, type Settings } from '../app/settings';
import { newIdempotencyKey, Problem } from './client';
import { query as apiQuery } from './query';
import { createRecord, keys, patchRecord, storeRecord, useList, type Page, type Pages, type RecordData, type Values } from './records';
import { useMe } from './session';

export interface ListPreference {
  collection: string;
  columns?: string; // names, divided by commas
  viewId?: string; // the view that the list opens with
  widths?: string; // of columns, in pixels: "name:240,stage:96"
}

interface Preferences extends RecordData {
  lists?: (ListPreference & Record<string, string | undefined>)[];
}

const ATTEMPTS = 3; // another browser may have been faster
const COLLECTION = 'preferences';
const queryOf = (userId: string) => apiQuery({ 'filter[ownerId][eq]': userId });
const firstOf = (pages: { pages: Page[] } | undefined): Preferences | undefined => pages?.pages.at(0)?.data.at(0);

export const usePreferencesQuery = (userId: string | undefined) => {
  const { data, isPending } = useList(COLLECTION, queryOf(userId ?? ''), userId !== undefined);
  return { preferences: firstOf(data), isPending: userId !== undefined && isPending };
};

type Change = (current: Preferences | undefined) => Values;

interface Keeper {
  listOf: (collection: string) => ListPreference | undefined;
  keepList: (collection: string, change: Partial<ListPreference>) => void;
}

const KeeperContext = createContext<Keeper | null>(null);

export function useListPreferences(): Keeper {
  const keeper = useContext(KeeperContext);
  if (keeper === null) throw new Error('useListPreferences() outside of PreferencesProvider');
  return keeper;
}

export function PreferencesProvider({ children }: { children: ReactNode }) {
  const me = useMe();
  const client = useQueryClient();
  const { preferences } = usePreferencesQuery(me.id);
  const waiting = useRef(Promise.resolve()); // one after the other, so that a person's own changes do not clash
  const keep = useCallback(
    (change: Change) => {
      show(client, me.id, change);
      waiting.current = waiting.current.then(() => store(client, me.id, change)).catch(() => undefined); // the choice holds here
    },
    [client, me.id],
  );

  useEffect(() => applySettings(settingsOf(preferences)), [preferences]);
  useEffect(() => onChoice((choice) => keep(() => valuesOf(choice))), [keep]);

  const keeper = useMemo<Keeper>(
    () => ({
      listOf: (collection) => preferences?.lists?.find((list) => list.collection === collection),
      keepList: (collection, change) => keep((current) => ({ lists: changeList(current, collection, change) })),
    }),
    [preferences, keep],
  );
  return <KeeperContext.Provider value={keeper}>{children}</KeeperContext.Provider>;
}

// The device's time zone is no choice: none is kept.
const valuesOf = ({ timeZone, ...choice }: Partial<Settings>): Values => (timeZone === undefined ? choice : { ...choice, timeZone: timeZone === '' ? null : timeZone });

function settingsOf(preferences: Preferences | undefined): Partial<Settings> {
  if (preferences === undefined) return {};
  const { language, theme, density, timeZone } = preferences;
  return {
    ...(typeof language === 'string' ? { language: language.startsWith('zh') ? 'zh' : 'en' } : {}),
    ...(typeof theme === 'string' ? { theme: theme as Settings['theme'] } : {}),
    ...(typeof density === 'string' ? { density: density as Settings['density'] } : {}),
    timeZone: typeof timeZone === 'string' ? timeZone : '',
  };
}

function changeList(current: Preferences | undefined, collection: string, change: Partial<ListPreference>) {
  const lists = current?.lists ?? [];
  const all: Record<string, string | undefined> = { ...lists.find((list) => list.collection === collection), ...change };
  const entry = { ...Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)), collection };
  return [...lists.filter((list) => list.collection !== collection), entry];
}

// As it will be, before the server has said so. Who never chose anything has no record yet: one stands in until it is made.
const UNMADE: Preferences = { id: '', version: '0' };

function show(client: QueryClient, userId: string, change: Change): void {
  const key = keys.list(COLLECTION, queryOf(userId));
  const shown = firstOf(client.getQueryData<Pages>(key)) ?? UNMADE;
  client.setQueryData<Pages>(key, { pages: [{ data: [{ ...shown, ...change(shown) }], page: {} }], pageParams: [undefined] });
}

// Sent with the version that it was made from, and made again from a newer one.
async function store(client: QueryClient, userId: string, change: Change): Promise<void> {
  const key = keys.list(COLLECTION, queryOf(userId));
  for (let attempt = 1; ; attempt++) {
    const current = firstOf(client.getQueryData<Pages>(key)) ?? UNMADE;
    try {
      if (current.id === UNMADE.id) {
        const chosen = Object.fromEntries(Object.entries(current).filter(([name]) => !(name in UNMADE)));
        await createRecord(COLLECTION, { ...chosen, ...change(current) }, newIdempotencyKey());
        await client.refetchQueries({ queryKey: key });
      } else {
        storeRecord(client, COLLECTION, await patchRecord(COLLECTION, current.id, current.version, change(current)));
      }
      return;
    } catch (error) {
      const clash = error instanceof Problem && (error.status === 412 || error.status === 409);
      if (!clash || attempt === ATTEMPTS) throw error;
      await client.refetchQueries({ queryKey: key });
    }
  }
}
