// The create form can be opened from anywhere, with some values already known.
import { createContext, lazy, Suspense, useCallback, useContext, useState, type ReactNode } from 'react';
import type { Values } from '../api/records';
import type { Resource } from '../api/schema';

const CreateDrawer = lazy(() => import('./CreateDrawer'));

type Create = (resource: Resource, known?: Values) => void;
const CreateContext = createContext<Create>(() => undefined);
export const useCreate = () => useContext(CreateContext);

export function CreateProvider({ children }: { children: ReactNode }) {
  const [asked, setAsked] = useState<{ resource: Resource; known: Values } | null>(null);
  const create = useCallback<Create>((resource, known = {}) => setAsked({ resource, known }), []);
  return (
    <CreateContext.Provider value={create}>
      {children}
      <Suspense fallback={null}>{asked !== null && <CreateDrawer key={asked.resource.collection} {...asked} close={() => setAsked(null)} />}</Suspense>
    </CreateContext.Provider>
  );
}
