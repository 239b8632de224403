import { createHash, createPrivateKey, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import type { System } from "../harness/system";

// The chain of seals over a service's log, recomputed by other means than the product's: rows from SQL, hashes and
// signatures from node:crypto.
//
//   seal = sha256(previous seal ‖ sha256(salt ‖ payload) of each event of the batch), signed each minute by Ed25519

export interface LogRow {
  position: number;
  salt: Buffer;
  payload: Buffer;
  digest: Buffer;
}
export interface Seal {
  upTo: number;
  previous: Buffer;
  seal: Buffer;
}
export interface Signature {
  upTo: number;
  signature: Buffer;
}
export interface SealedLog {
  rows: LogRow[];
  seals: Seal[];
  signatures: Signature[];
  head: Seal;
}

const sha256 = (...parts: Buffer[]): Buffer => createHash("sha256").update(Buffer.concat(parts)).digest();
const bytes = (hex: string | undefined): Buffer => Buffer.from(hex ?? "", "hex");

export async function readSealedLog(system: System, schema: string): Promise<SealedLog> {
  // One snapshot would be better; the order of reading makes what is read later at least as new.
  const seals = await system.sql(`select up_to, encode(previous, 'hex'), encode(seal, 'hex') from ${schema}.event_seal order by up_to`);
  const last = seals.at(-1)?.[0] ?? "0";
  const rows: string[][] = [];
  for (let from = 0; from < Number(last); from += 5000)
    rows.push(...(await system.sql(`select pos, encode(salt, 'hex'), encode(payload, 'hex'), encode(digest, 'hex') from ${schema}.event_log where pos > ${from} and pos <= least(${from + 5000}, ${last}) order by pos`)));
  const signatures = await system.sql(`select up_to, encode(signature, 'hex') from ${schema}.event_signature where up_to <= ${last} order by up_to`);
  const toSeal = ([upTo, previous, seal]: string[]): Seal => ({ upTo: Number(upTo), previous: bytes(previous), seal: bytes(seal) });
  return {
    rows: rows.map(([position, salt, payload, digest]) => ({ position: Number(position), salt: bytes(salt), payload: bytes(payload), digest: bytes(digest) })),
    seals: seals.map(toSeal),
    signatures: signatures.map(([upTo, signature]) => ({ upTo: Number(upTo), signature: bytes(signature) })),
    head: toSeal(seals.at(-1) ?? []),
  };
}

/** Everything that is not as it should be; nothing when the log is whole. */
export function faultsOf(log: SealedLog, publicKey: ReturnType<typeof createPublicKey>): string[] {
  const faults: string[] = [];
  log.rows.forEach((row, index) => {
    if (row.position !== index + 1) faults.push(`position ${row.position} stands where ${index + 1} should`);
    if (!sha256(row.salt, row.payload).equals(row.digest)) faults.push(`position ${row.position}: the payload is not what its digest says`);
  });
  let previous = Buffer.alloc(0);
  let from = 0;
  for (const seal of log.seals) {
    const digests = log.rows.slice(from, seal.upTo).map((row) => row.digest);
    if (!seal.previous.equals(previous)) faults.push(`seal ${seal.upTo} does not follow the one before`);
    if (digests.length !== seal.upTo - from || !sha256(seal.previous, ...digests).equals(seal.seal)) faults.push(`seal ${seal.upTo} does not fit its events`);
    previous = Buffer.from(seal.seal);
    from = seal.upTo;
  }
  if (from !== log.rows.length) faults.push(`events behind ${from} are not sealed`);
  for (const { upTo, signature } of log.signatures) {
    const seal = log.seals.find((known) => known.upTo === upTo);
    if (seal === undefined || !verify(null, seal.seal, publicKey, signature)) faults.push(`the signature at ${upTo} is not right`);
  }
  return faults;
}

/** The public half of the installation's signing key, from the seed that the services get. */
export function signingKey(system: System): ReturnType<typeof createPublicKey> {
  const seed = readFileSync(`${system.directory}/secrets/signing-key`, "utf8").trim();
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.from(seed, "hex")]);
  return createPublicKey(createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }));
}
