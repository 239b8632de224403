import { createContext, useContext, useEffect } from 'react';
import { useLocation } from 'react-router-dom';

interface ShellActions {
  openPalette: () => void;
  openHelp: () => void;
  left: Map<string, string>; // where each list was left: by collection, the query of its address
}

export const ShellContext = createContext<ShellActions>({ openPalette: () => undefined, openHelp: () => undefined, left: new Map() });
export const useShell = () => useContext(ShellContext);

// A list as it was left, with its conditions, its order and its view: what one goes back to from a record.
export function useListPath(): (collection: string) => string {
  const { left } = useShell();
  return (collection) => `/${collection}${left.get(collection) ?? ''}`;
}

export function useRememberList(collection: string): void {
  const { left } = useShell();
  const { search } = useLocation();
  useEffect(() => void left.set(collection, search), [left, collection, search]);
}
