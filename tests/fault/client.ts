import http from "node:http";
import { performance } from "node:perf_hooks";

// Requests as a careful program makes them: an idempotency key on what changes something, and the same request again until it is
// known what came of it.

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export interface Wanted {
  headers?: Record<string, string>;
  body?: string | Buffer;
  timeoutMs?: number;
}

/** What became of a request that was sent until it was known. */
export interface Known {
  answer: Answer | undefined; // undefined: never known
  attempts: string[]; // what came before the answer: "503", "ECONNRESET"
}

/** An attempt tells nothing of the outcome: the service was away, or the answer was lost. */
const undecided = new Set([503, 504]);

export const nowMs = (): number => performance.now();
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Client {
  private readonly agent = new http.Agent({ keepAlive: true });

  constructor(
    readonly url: string,
    readonly token: string,
  ) {}

  close(): void {
    this.agent.destroy();
  }

  /** One attempt; rejects with an error that has a `code` when the connection fails. */
  once(method: string, path: string, wanted: Wanted = {}): Promise<Answer> {
    const { headers = {}, body, timeoutMs = 15_000 } = wanted;
    return new Promise((resolve, reject) => {
      const request = http.request(`${this.url}${path}`, {
        method,
        agent: this.agent,
        headers: { authorization: `Bearer ${this.token}`, ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }), ...headers },
      });
      const timer = setTimeout(() => request.destroy(Object.assign(new Error("no answer in time"), { code: "TIMEOUT" })), timeoutMs);
      request.on("close", () => clearTimeout(timer));
      request.on("error", reject);
      request.on("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("aborted", () => reject(Object.assign(new Error("cut off"), { code: "ABORTED" })));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }));
      });
      request.end(body);
    });
  }

  /** The same request again while its outcome is unknown, for at most `patienceMs`. */
  async untilKnown(method: string, path: string, wanted: Wanted, patienceMs = 40_000): Promise<Known> {
    const attempts: string[] = [];
    const deadline = nowMs() + patienceMs;
    for (let waitMs = 20; nowMs() < deadline; waitMs = Math.min(waitMs * 2, 200)) {
      try {
        const answer = await this.once(method, path, wanted);
        if (!undecided.has(answer.status)) return { answer, attempts };
        attempts.push(String(answer.status));
      } catch (error) {
        attempts.push((error as { code?: string }).code ?? String(error));
      }
      await pause(waitMs);
    }
    return { answer: undefined, attempts };
  }

  /** A JSON answer that must be a success; waits while the system is away. */
  async get<T>(path: string): Promise<T> {
    const { answer, attempts } = await this.untilKnown("GET", path, {});
    if (answer?.status !== 200) throw new Error(`GET ${path}: ${answer?.status ?? attempts.join(" ")} ${answer?.body ?? ""}`);
    return JSON.parse(answer.body) as T;
  }

  /** A change, as JSON, under an idempotency key. */
  change(method: "POST" | "PATCH", path: string, key: string, body: unknown, ifVersion?: number): Promise<Known> {
    const headers: Record<string, string> = { "content-type": "application/json", "idempotency-key": key };
    if (ifVersion !== undefined) headers["if-match"] = `"${ifVersion}"`;
    return this.untilKnown(method, path, { headers, body: JSON.stringify(body) });
  }
}
