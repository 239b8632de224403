import { randomUUID } from "node:crypto";
import { expect } from "@playwright/test";
import { eventually } from "../harness/system";

// A program that uses the API over Node's own fetch: what it sends and gets is plain HTTP and JSON.
//
//   const admin = new Client(system.url, token);
//   const customer = await admin.create("customers", { name: "长沙仇记" });
//   const refused = await admin.patch(`/api/v1/customers/${customer.id}`, { name: "" });
//   expectProblem(refused, 400, "invalid", { "/name": "required" });

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/** A record of any resource. */
export interface Row {
  [name: string]: Json;
  id: string;
  version: string;
}

export interface FieldProblem {
  pointer: string;
  code: string;
  message: string;
}
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  traceId: string;
  errors?: FieldProblem[];
}
export interface Page {
  data: Row[];
  page: { next?: string; total?: string; totalIsBound?: boolean };
}
export interface Change {
  position: string;
  time: string;
  type: string;
  version: string;
  principalId?: string;
  fields: string[];
  before?: Record<string, Json>;
  after?: Record<string, Json>;
}

/** An answer that was read to its end. */
export class Reply {
  constructor(
    readonly status: number,
    readonly headers: Headers,
    readonly bytes: Buffer,
  ) {}
  get text(): string {
    return this.bytes.toString("utf8");
  }
  /** The body, taken to be of that shape. */
  json<T = Row>(): T {
    return JSON.parse(this.text) as T;
  }
  header(name: string): string {
    return this.headers.get(name) ?? "";
  }
  toString(): string {
    return `${this.status} ${this.text.slice(0, 2000)}`;
  }
}

export type Headings = Record<string, string>;

export class Client {
  /** `headers` go with every request. */
  constructor(
    readonly url: string,
    readonly token: string | undefined,
    readonly headers: Headings = {},
    readonly user: Row | undefined = undefined,
  ) {}

  with(headers: Headings): Client {
    return new Client(this.url, this.token, { ...this.headers, ...headers }, this.user);
  }

  get id(): string {
    if (this.user === undefined) throw new Error("this client is nobody in particular");
    return this.user.id;
  }

  async send(method: string, path: string, body?: string | Buffer, headers: Headings = {}): Promise<Reply> {
    const authorization: Headings = this.token === undefined ? {} : { authorization: `Bearer ${this.token}` };
    const response = await fetch(this.url + path, {
      method,
      headers: { ...authorization, ...this.headers, ...headers },
      redirect: "manual",
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : new Uint8Array(body) }),
    });
    return new Reply(response.status, response.headers, Buffer.from(await response.arrayBuffer()));
  }
  get(path: string, headers: Headings = {}): Promise<Reply> {
    return this.send("GET", path, undefined, headers);
  }
  post(path: string, body?: Json, headers: Headings = {}): Promise<Reply> {
    return body === undefined
      ? this.send("POST", path, undefined, headers)
      : this.send("POST", path, JSON.stringify(body), { "content-type": "application/json", ...headers });
  }
  patch(path: string, body: Json, headers: Headings = {}): Promise<Reply> {
    return this.send("PATCH", path, JSON.stringify(body), { "content-type": "application/merge-patch+json", ...headers });
  }
  delete(path: string, headers: Headings = {}): Promise<Reply> {
    return this.send("DELETE", path, undefined, headers);
  }

  // The standard methods, for those tests that are about something else: anything but success fails the test.

  async create(collection: string, record: Json, headers: Headings = {}): Promise<Row> {
    return expectOk(await this.post(`/api/v1/${collection}`, record, headers), 201).json();
  }
  async read(collection: string, id: string): Promise<Row> {
    return expectOk(await this.get(`/api/v1/${collection}/${id}`), 200).json();
  }
  async update(collection: string, id: string, patch: Json, headers: Headings = {}): Promise<Row> {
    return expectOk(await this.patch(`/api/v1/${collection}/${id}`, patch, headers), 200).json();
  }
  async remove(collection: string, id: string): Promise<void> {
    expectOk(await this.delete(`/api/v1/${collection}/${id}`), 204);
  }
  async list(collection: string, query: Query = {}): Promise<Page> {
    return expectOk(await this.get(`/api/v1/${collection}${search(query)}`), 200).json<Page>();
  }
  /** All pages of a list, in order. */
  async all(collection: string, query: Query = {}): Promise<Row[]> {
    const rows: Row[] = [];
    for (let cursor: string | undefined; ; ) {
      const { data, page } = await this.list(collection, cursor === undefined ? query : { ...query, cursor });
      rows.push(...data);
      if (page.next === undefined) return rows;
      cursor = page.next;
    }
  }
  /** The changes of a record, newest first, up to that version at least: the log is written a moment after the record. */
  async history(collection: string, id: string, version: number): Promise<Change[]> {
    return eventually(`version ${version} of ${collection}/${id} in its history`, async () => {
      const reply = expectOk(await this.get(`/api/v1/${collection}/${id}/history?limit=500`), 200);
      const { data } = reply.json<{ data: Change[] }>();
      return Number(data[0]?.version ?? 0) >= version ? data : undefined;
    });
  }
}

export type Query = Record<string, string | number | boolean>;

/** "?limit=2&filter[stage][eq]=lost", escaped. */
export function search(query: Query): string {
  const parts = Object.entries(query).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`);
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
}

/** Playwright keeps a step for each expect(), which costs tens of milliseconds: only what is not as it should be is one. */
export function expectOk(reply: Reply, status: number): Reply {
  if (reply.status !== status) expect(reply.status, reply.toString()).toBe(status);
  return reply;
}

/** A problem as RFC 9457 has it, with this code, and these codes at these pointers (all of them, when given). */
export function expectProblem(reply: Reply, status: number, code: string, errors?: Record<string, string>): Problem {
  if (reply.status !== status) expect(reply.status, reply.toString()).toBe(status);
  const problem = reply.json<Problem>();
  const complete = /^[0-9a-f]{32}$/.test(problem.traceId) && problem.title.length * problem.detail.length > 0;
  expect({ type: reply.header("content-type"), status: problem.status, code: problem.code, complete }, reply.text).toEqual({ type: "application/problem+json", status, code, complete: true });
  if (errors !== undefined)
    expect(Object.fromEntries((problem.errors ?? []).map((error) => [error.pointer, error.code])), reply.text).toEqual(errors);
  return problem;
}

/** A word that no other test uses: rows of one test are found by it. Latin letters only, so that it is one word of a search. */
export function uniqueWord(): string {
  return `w${randomUUID().replaceAll("-", "").replace(/\d/g, (digit) => "ghijklmnop"[Number(digit)] ?? "")}`;
}

export const newKey = (): string => randomUUID();
