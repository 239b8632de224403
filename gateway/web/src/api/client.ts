// One door to the server: JSON in and out, the CSRF header, the language of error texts, and RFC 9457 problems as
// exceptions. Nothing here knows a resource.

export interface FieldError {
  pointer: string; // RFC 6901: "/phones/0/number"
  code: string;
  message: string;
}

interface ProblemBody {
  title?: string;
  detail?: string;
  code?: string;
  traceId?: string;
  errors?: FieldError[];
}

// A request that did not succeed. `status` 0 means that no answer came: offline, or the server is away.
export class Problem extends Error {
  readonly title: string;
  readonly detail: string | undefined;
  readonly code: string;
  readonly traceId: string | undefined;
  readonly errors: FieldError[];

  constructor(
    readonly status: number,
    body: ProblemBody,
  ) {
    super(body.detail ?? body.title ?? body.code ?? String(status));
    this.title = body.title ?? '';
    this.detail = body.detail;
    this.code = body.code ?? (status === 0 ? 'unreachable' : `http_${status}`);
    this.traceId = body.traceId;
    this.errors = body.errors ?? [];
  }
}

export interface RequestOptions {
  body?: unknown;
  ifMatch?: string;
  idempotencyKey?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

const CSRF_COOKIE = 'guanxi_csrf';

function csrfToken(): string | undefined {
  const pair = document.cookie.split('; ').find((cookie) => cookie.startsWith(`${CSRF_COOKIE}=`));
  return pair?.slice(CSRF_COOKIE.length + 1);
}

// Headers that every request carries, also an upload, which does not go through request().
export function commonHeaders(method: string): Record<string, string> {
  const csrf = csrfToken();
  return {
    'Accept-Language': document.documentElement.lang.startsWith('zh') ? 'zh' : 'en',
    ...(method !== 'GET' && csrf !== undefined ? { 'X-CSRF-Token': csrf } : {}),
  };
}

export function problemFromText(status: number, text: string): Problem {
  try {
    return new Problem(status, JSON.parse(text) as ProblemBody);
  } catch {
    return new Problem(status, {}); // a proxy's own error page
  }
}

export async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<{ status: number; data: T }> {
  const headers: Record<string, string> = { ...commonHeaders(method), ...options.headers };
  if (options.body !== undefined) headers['Content-Type'] = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  if (options.ifMatch !== undefined) headers['If-Match'] = options.ifMatch;
  if (options.idempotencyKey !== undefined) headers['Idempotency-Key'] = options.idempotencyKey;

  let response: Response;
  let text: string;
  try {
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    response = await fetch(path, { method, headers, body, signal: options.signal, credentials: 'same-origin' });
    text = await response.text();
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    throw new Problem(0, {});
  }
  if (!response.ok) throw problemFromText(response.status, text);
  return { status: response.status, data: (text === '' ? undefined : JSON.parse(text)) as T };
}

// A key for one intention of a person: sending it again with the same key does nothing twice. Not randomUUID(), which
// exists in secure contexts only; a gateway tried out over plain HTTP on a LAN is not one.
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
