import { execFileSync } from "node:child_process";
import { connect } from "node:net";
import { parse } from "csv-parse/sync";
import { eventually } from "../harness/system";
import { type Client, type Headings, type Json, type Reply, type Row, expectOk } from "./client";

// Imports as a person runs them: a file, a job, its end.

/** A cell quoted where RFC 4180 wants it. */
const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

export const toCsv = (rows: string[][]): string => rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";

/** By the `csv-parse` package, strictly: a file of ours must be read by other people's programs. */
export const fromCsv = (text: string): string[][] => parse(text, { bom: true, relax_column_count: true });

/** The text in GB18030, made by the C library's own iconv. */
export const toGb18030 = (text: string): Buffer => execFileSync("iconv", ["-f", "UTF-8", "-t", "GB18030"], { input: text, maxBuffer: 1 << 28 });

export async function upload(client: Client, name: string, bytes: string | Buffer): Promise<Row> {
  const reply = await client.send("POST", `/api/v1/files?name=${encodeURIComponent(name)}`, bytes, { "content-type": "text/csv" });
  return expectOk(reply, 201).json();
}

export async function startImport(client: Client, fileId: string, columns?: Record<string, string>, headers: Headings = {}): Promise<Row> {
  const body: Json = columns === undefined ? { fileId } : { fileId, columns: Object.entries(columns).map(([column, field]) => ({ column, field })) };
  return expectOk(await client.post("/api/v1/customers:import", body, headers), 202).json();
}

const ended = ["succeeded", "failed", "cancelled", "paused"];

export function jobEnd(client: Client, id: string, timeoutMs = 60_000): Promise<Row> {
  return eventually(
    `the job ${id} ends`,
    async () => {
      const reply = await client.get(`/api/v1/jobs/${id}`);
      const job = reply.status === 200 ? reply.json() : undefined; // while a service restarts
      return job !== undefined && ended.includes(String(job["state"])) ? job : undefined;
    },
    timeoutMs,
  );
}

/** Uploads, imports, waits for the end. */
export async function runImport(client: Client, bytes: string | Buffer, columns?: Record<string, string>): Promise<Row> {
  const file = await upload(client, "客户.csv", bytes);
  return jobEnd(client, (await startImport(client, file.id, columns)).id);
}

export async function refusedRows(client: Client, job: Row): Promise<string[][]> {
  const reply: Reply = expectOk(await client.get(`/api/v1/files/${String(job["refusedFileId"])}`), 200);
  return fromCsv(reply.text);
}

/** Sends the head of an upload and some of its bytes, then ends the connection. */
export function uploadHalf(client: Client, announcedBytes: number, sent: Buffer): Promise<void> {
  const { hostname, port } = new URL(client.url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      const head = ["POST /api/v1/files?name=half.csv HTTP/1.1", `Host: ${hostname}:${port}`, `Authorization: Bearer ${client.token ?? ""}`, "Content-Type: text/csv", `Content-Length: ${announcedBytes}`, "", ""];
      socket.write(head.join("\r\n"));
      socket.write(sent, () => {
        socket.destroy();
        resolve();
      });
    });
    socket.on("error", reject);
  });
}
