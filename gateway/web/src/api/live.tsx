// Changes made by anyone, as they happen: one event stream for the whole application, applied to the query cache.
import { useQueryClient, type QueryClient } from '@tanstack/react-query';
import { createContext, useContext, useEffect, useState, type ReactNode } from 'react';
import { keys, mapRows, type Pages, type RecordData, type Values } from './records';
import type { Resource, Schema } from './schema';

export type LiveState = 'connecting' | 'live' | 'lost';

interface LiveEvent {
  type: string;
  subject: string; // "customers/{id}"
  time: string;
  data?: { version?: string; fields?: string[]; before?: Values; after?: Values };
}

const VERBS = ['created', 'updated', 'deleted', 'restored'] as const;
const REFRESH_MS = 1000; // lists are read again at most this often, however many records an import makes
const REFRESH_WAIT_MS = 10_000; // … and before this only when the browser is idle: who clicks or types comes first
const REOPEN_MS = 5000;
const REFRESH_PAGES = 3; // a longer list is left as it stands: rereading it would cost more than it tells

const LiveContext = createContext<LiveState>('connecting');
export const useLive = () => useContext(LiveContext);

// "guanxi.customer.v1.Customer" → "guanxi.customer.customer": its events are that, the verb and "v1".
export function eventPrefix(resource: Resource): string {
  const parts = resource.name.split('.');
  const message = (parts.pop() ?? '').replace(/(?<!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
  return [...parts.slice(0, -1), message].join('.');
}

export function LiveProvider({ schema, children }: { schema: Schema; children: ReactNode }) {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>('connecting');

  useEffect(() => {
    const lists = new ListRefresher(client);
    const close = keepOpen(schema, setState, {
      onEvent: (verb, event) => APPLY[verb](client, lists, event),
      onHidden: (event) => forget(client, lists, event),
      onGap: () => void client.invalidateQueries(),
    });
    return () => {
      close();
      lists.stop();
    };
  }, [client, schema]);

  return <LiveContext.Provider value={state}>{children}</LiveContext.Provider>;
}

interface Listener {
  onEvent: (verb: (typeof VERBS)[number], event: LiveEvent) => void;
  onHidden: (event: LiveEvent) => void;
  onGap: () => void;
}

// The browser opens a stream again that broke; one that was answered with an error it gives up, and we open another.
function keepOpen(schema: Schema, tell: (state: LiveState) => void, listener: Listener): () => void {
  const services = [...new Set(schema.resources.map((resource) => `${resource.name.split('.').slice(0, 2).join('.')}.*`))];
  let source: EventSource;
  let again: ReturnType<typeof setTimeout> | undefined;
  let wasLost = false;

  const open = () => {
    source = new EventSource(`/api/v1/events?types=${services.join(',')}&from=latest`);
    source.onopen = () => {
      tell('live');
      if (wasLost) listener.onGap(); // what happened meanwhile may be more than the stream still holds
      wasLost = false;
    };
    source.onerror = () => {
      wasLost = true;
      const closed = source.readyState === EventSource.CLOSED;
      tell(closed ? 'lost' : 'connecting');
      if (closed) again = setTimeout(open, REOPEN_MS);
    };
    const on = (type: string, apply: (event: LiveEvent) => void) =>
      source.addEventListener(type, (message: MessageEvent<string>) => apply(JSON.parse(message.data) as LiveEvent));
    for (const resource of schema.resources) for (const verb of VERBS) on(`${eventPrefix(resource)}.${verb}.v1`, (event) => listener.onEvent(verb, event));
    on('hidden', listener.onHidden);
    source.addEventListener('control', listener.onGap);
  };
  open();
  return () => {
    clearTimeout(again);
    source.close();
  };
}

type Apply = (client: QueryClient, lists: ListRefresher, event: LiveEvent) => void;

const splitSubject = (subject: string): [string, string] => {
  const slash = subject.indexOf('/');
  return [subject.slice(0, slash), subject.slice(slash + 1)];
};

const APPLY: Record<(typeof VERBS)[number], Apply> = {
  created: (_client, lists, event) => lists.refresh(splitSubject(event.subject)[0]),
  updated: update,
  deleted: forget,
  restored: (client, lists, event) => {
    const [collection, id] = splitSubject(event.subject);
    void client.invalidateQueries({ queryKey: keys.record(collection, id) });
    void client.invalidateQueries({ queryKey: keys.history(collection, id) });
    lists.refresh(collection);
  },
};

function update(client: QueryClient, lists: ListRefresher, event: LiveEvent): void {
  const [collection, id] = splitSubject(event.subject);
  let missed = false as boolean; // set inside of the closure, which the compiler does not follow
  const patch = (row: RecordData): RecordData => {
    const { version, after = {}, fields = [] } = event.data ?? {};
    if (row.id !== id || version === undefined || BigInt(version) <= BigInt(row.version)) return row;
    missed ||= BigInt(version) !== BigInt(row.version) + 1n;
    const cleared = Object.fromEntries(fields.filter((name) => !(name in after)).map((name) => [name, undefined]));
    return { ...row, ...cleared, ...after, id, version, updateTime: event.time };
  };
  client.setQueryData<RecordData>(keys.record(collection, id), (old) => (old === undefined ? old : patch(old)));
  client.setQueriesData<Pages>({ queryKey: keys.lists(collection) }, (pages) => mapRows(pages, patch));
  if (missed) void client.invalidateQueries({ queryKey: keys.record(collection, id) });
  void client.invalidateQueries({ queryKey: keys.history(collection, id) });
  lists.refresh(collection); // it may now belong elsewhere in a sorted or filtered list
}

function forget(client: QueryClient, lists: ListRefresher, event: LiveEvent): void {
  const [collection, id] = splitSubject(event.subject);
  client.setQueriesData<Pages>({ queryKey: keys.lists(collection) }, (pages) => mapRows(pages, (row) => (row.id === id ? null : row)));
  void client.invalidateQueries({ queryKey: keys.record(collection, id) });
  lists.refresh(collection);
}

// Safari has no idle callbacks.
function whenIdle(run: () => void): void {
  if ('requestIdleCallback' in window) window.requestIdleCallback(run, { timeout: REFRESH_WAIT_MS });
  else run();
}

class ListRefresher {
  private readonly waiting = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(private readonly client: QueryClient) {}

  refresh(collection: string): void {
    if (this.waiting.has(collection)) return;
    this.waiting.set(collection, setTimeout(() => whenIdle(() => this.run(collection)), REFRESH_MS));
  }

  stop(): void {
    for (const timer of this.waiting.values()) clearTimeout(timer);
  }

  private run(collection: string): void {
    this.waiting.delete(collection);
    const isShort = (pages: Partial<Pages> | undefined) => (pages?.pages?.length ?? 0) <= REFRESH_PAGES;
    void this.client.invalidateQueries({
      queryKey: keys.lists(collection),
      predicate: (query) => isShort(query.state.data as Partial<Pages> | undefined),
    });
  }
}
