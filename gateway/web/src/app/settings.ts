// What a person chose about the interface, as this browser knows it: before sign-in, and before the server has told
// (api/preferences.tsx). public/theme.js reads the same key before first paint.
import { useSyncExternalStore } from 'react';

export interface Settings {
  language: 'en' | 'zh';
  theme: 'system' | 'light' | 'dark';
  density: 'compact' | 'comfortable';
  timeZone: string; // an IANA name; empty: the device's
}

const KEY = 'guanxi.settings';
const listeners = new Set<() => void>();
const choiceListeners = new Set<(change: Partial<Settings>) => void>();
let current: Settings = {
  language: navigator.language.startsWith('zh') ? 'zh' : 'en',
  theme: 'system',
  density: 'compact',
  timeZone: '',
  ...readJson<Partial<Settings>>(KEY),
};

export function readJson<T>(key: string): T | undefined {
  try {
    const text = localStorage.getItem(key);
    return text === null ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined; // storage closed or damaged: as if nothing had been kept
  }
}

export function writeJson(key: string, value: unknown): void {
  try {
    if (value === undefined) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Full or closed storage: the choice holds until the page is left.
  }
}

export function getSettings(): Settings {
  return current;
}

// A person chooses: told on to whoever keeps it for other browsers.
export function changeSettings(change: Partial<Settings>): void {
  applySettings(change);
  for (const listener of choiceListeners) listener(change);
}

export function onChoice(listener: (change: Partial<Settings>) => void): () => void {
  choiceListeners.add(listener);
  return () => choiceListeners.delete(listener);
}

export function applySettings(change: Partial<Settings>): void {
  if (Object.entries(change).every(([name, value]) => current[name as keyof Settings] === value)) return;
  current = { ...current, ...change };
  writeJson(KEY, current);
  for (const listener of listeners) listener();
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSettings(): Settings {
  return useSyncExternalStore(subscribe, getSettings);
}
