import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { CloudEvent } from "cloudevents";
import { Webhook } from "standardwebhooks";
import { eventually } from "../harness/system";

// An endpoint of an integrator: takes webhooks, checks each signature by the Standard Webhooks library and each event by
// the CloudEvents library, and answers as the test says.

export interface Taken {
  id: string;
  headers: Record<string, string>;
  body: string;
  event: CloudEvent<{ version: string; after?: Record<string, unknown> }>;
  at: number;
}
export type Answer = (response: ServerResponse, taken: Taken, count: number) => void;

const accept: Answer = (response) => response.writeHead(204).end();

function bodyOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part)).on("end", () => resolve(Buffer.concat(parts).toString("utf8")));
  });
}

export class Receiver {
  readonly taken: Taken[] = [];
  readonly faults: string[] = [];
  secret: string | undefined;
  private constructor(
    private readonly server: Server,
    public answer: Answer,
  ) {}

  static async open(answer: Answer = accept, host = "127.0.0.1"): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server, answer);
    server.on("request", (request, response) => void receiver.take(request, response));
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    try {
      if (this.secret !== undefined) new Webhook(this.secret).verify(body, headers);
      const event = new CloudEvent<Taken["event"]["data"]>(JSON.parse(body) as object) as Taken["event"];
      event.validate();
      this.taken.push({ id: headers["webhook-id"] ?? "", headers, body, event, at: Date.now() });
    } catch (error) {
      this.faults.push(`${String(error)}: ${body}`);
      response.writeHead(400).end(String(error));
      return;
    }
    const last = this.taken[this.taken.length - 1] as Taken;
    this.answer(response, last, this.taken.length);
  }

  /** Waits until so many have come that `wanted` holds for. */
  wait(what: string, count = 1, wanted: (taken: Taken) => boolean = () => true, timeoutMs = 30_000): Promise<Taken[]> {
    return eventually(
      `${what} (${this.faults.join("; ")})`,
      () => {
        const found = this.taken.filter(wanted);
        return Promise.resolve(found.length >= count ? found : undefined);
      },
      timeoutMs,
    );
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
