// The records that this person opened last, in this browser: their ids alone, so that no name stays here after signing out.
import { useEffect } from 'react';
import { useMe } from '../api/session';
import { readJson, writeJson } from './settings';

export interface Visit {
  collection: string;
  id: string;
}

const KEPT = 8;
const keyOf = (userId: string) => `guanxi.recent.${userId}`;

export const recentVisits = (userId: string): Visit[] => readJson<Visit[]>(keyOf(userId)) ?? [];

export function useRememberVisit(collection: string, id: string): void {
  const me = useMe();
  useEffect(() => {
    const others = recentVisits(me.id).filter((visit) => visit.id !== id);
    writeJson(keyOf(me.id), [{ collection, id }, ...others].slice(0, KEPT));
  }, [me.id, collection, id]);
}
