import type { Client, Json } from "./client";
import { uniqueWord } from "./client";

interface Field {
  name: string;
  type: string;
  format?: string;
  required?: boolean;
  outputOnly?: boolean;
  reference?: string;
  enum?: string;
}
interface Schema {
  resources: { collection: string; fields: Field[] }[];
  enums: Record<string, { values: { name: string }[] }>;
}

let turn = 0;

/** A stage has one policy: another test's goes. */
async function freeStage(client: Client): Promise<Record<string, Json>> {
  const { data } = await client.list("fieldPolicies", { "filter[stage][eq]": "dormant" });
  for (const policy of data) await client.remove("fieldPolicies", policy.id);
  return { stage: "dormant" };
}

/** What the schema does not say of a value. */
const known: Record<string, (client: Client) => Promise<Record<string, Json>>> = {
  views: () => Promise.resolve({ collection: "customers" }),
  preferences: () => Promise.resolve({ language: turn++ % 2 === 0 ? "zh" : "en" }), // no two in a row are the same
  relationships: async (client) => ({ otherCustomerId: (await client.create("customers", { name: uniqueWord() })).id }),
  fieldPolicies: freeStage,
  webhooks: () => Promise.resolve({ url: `https://hooks.invalid/${uniqueWord()}`, types: ["guanxi.identity.team.restored.v1"] }), // a name that RFC 2606 gives to nobody
};

/** The least that a record of that collection needs. What it refers to is of `samples`, or made as well. */
export async function leastOf(client: Client, collection: string, samples: Record<string, string> = {}): Promise<Record<string, Json>> {
  const { resources, enums } = (await client.get("/api/schema")).json<Schema>();
  const body: Record<string, Json> = (await known[collection]?.(client)) ?? {};
  for (const field of resources.find((resource) => resource.collection === collection)?.fields ?? [])
    if (field.required === true && field.outputOnly !== true && body[field.name] === undefined) {
      if (field.reference !== undefined) body[field.name] = samples[field.reference] ?? (await client.create(field.reference, await leastOf(client, field.reference, samples))).id;
      else if (field.enum !== undefined) body[field.name] = enums[field.enum]?.values[0]?.name ?? "";
      else if (field.format === "email") body[field.name] = `${uniqueWord()}@example.com`;
      else if (field.type === "string") body[field.name] = uniqueWord();
      else if (field.type === "timestamp") body[field.name] = "2026-11-21T08:30:00Z";
      else if (field.type === "date") body[field.name] = "2026-11-21";
      else body[field.name] = field.type === "boolean" ? true : 1;
    }
  return body;
}
