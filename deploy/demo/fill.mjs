#!/usr/bin/env node
// make demo: fills the running system, through its public API, with a small sales organisation and its customers, so that
// there is something to look at. Everything is invented: company.mjs. Running it again adds nothing, and finishes what was begun.
//   fill.mjs URL EMAIL PASSWORD-FILE
// A password that must be changed at the first sign-in is changed, and the new one written to the file.
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { activityViews, categories, links, people, policies, root, teams, views } from "./company.mjs";
import { draw } from "./draw.mjs";

const [url, email, passwordFile] = process.argv.slice(2);
const parallel = 8;
const made = {};

// --- the API

let token = "";
async function send(method, path, body, more = {}) {
  for (;;) {
    const headers = { "content-type": "application/json", ...(method === "POST" ? { "idempotency-key": randomBytes(16).toString("hex") } : {}), ...more };
    if (token) headers.authorization = `Bearer ${token}`;
    const response = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
    if (response.status !== 429 && response.status !== 503) return response;
    await new Promise((resolve) => setTimeout(resolve, Number(response.headers.get("retry-after") ?? 1) * 1000));
  }
}

async function ask(method, path, body, headers) {
  const response = await send(method, path, body, headers);
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

async function all(collection, query = "") {
  const rows = [];
  for (let cursor = ""; cursor !== undefined; ) {
    const { data, page } = await ask("GET", `/api/v1/${collection}?limit=500${query}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    rows.push(...data);
    cursor = page.next;
  }
  return rows;
}

async function create(collection, body) {
  made[collection] = (made[collection] ?? 0) + 1;
  return ask("POST", `/api/v1/${collection}`, body);
}

/** The record with that name, or whatever `by` names; made where there is none. */
async function ensure(collection, body, by = "name", query = "") {
  const [there] = (await all(collection, query)).filter((row) => row[by] === body[by]);
  return there ?? create(collection, body);
}

/** The record that has our key; made where there is none. */
async function ensureByKey(collection, key, body) {
  const path = `/api/v1/${collection}/external/demo/${encodeURIComponent(key)}`;
  const response = await send("PUT", path, body, { "if-none-match": "*" });
  if (response.status === 412) return ask("GET", path);
  if (!response.ok) throw new Error(`PUT ${path}: ${response.status} ${await response.text()}`);
  made[collection] = (made[collection] ?? 0) + 1;
  return response.json();
}

/** Runs `work` on each item, `parallel` at a time. */
async function each(items, work) {
  const queue = [...items];
  await Promise.all(Array.from({ length: parallel }, async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  }));
}

// --- what is made

async function signIn() {
  const password = readFileSync(passwordFile, "utf8").trim();
  const session = await ask("POST", "/api/v1/sessions", { email, password });
  token = session.token;
  if (!session.user.mustChangePassword) return;
  const newPassword = randomBytes(15).toString("base64url");
  await ask("POST", "/api/v1/me:changePassword", { currentPassword: password, newPassword });
  writeFileSync(passwordFile, `${newPassword}\n`);
  console.log(`The first password of ${email} was changed; the new one is in ${passwordFile}.`);
}

async function makePeople(password) {
  const users = [];
  const { id: parentId } = await ensure("teams", { name: root });
  for (const { name, members } of teams) {
    const team = await ensure("teams", { name, parentId });
    for (const member of members) {
      const before = made.users ?? 0;
      const user = await ensure("users", { name: member, email: `demo${users.length + 1}@example.com`, teamId: team.id, locale: /^[A-Z]/.test(member) ? "en" : "zh-CN" }, "email");
      if ((made.users ?? 0) > before) await ask("POST", `/api/v1/users/${user.id}:setPassword`, { password });
      users.push({ ...user, teamId: team.id });
    }
  }
  return users;
}

/** Activities go as one batch: all of a customer's, or none. */
async function makeActivities(customer, contacts, activities, scope) {
  const known = await ask("GET", `/api/v1/activities?filter[customerId][eq]=${customer.id}&limit=1`);
  if (known.data.length > 0) return;
  const operations = activities.map(({ contact, ...activity }) => ({ create: { ...activity, ...scope, customerId: customer.id, ...(contact === undefined ? {} : { contactId: contacts[contact].id }) } }));
  const { results } = await ask("POST", "/api/v1/activities:batch", { operations });
  const refused = results.find((result) => result.status >= 400);
  if (refused) throw new Error(`an activity of ${customer.name}: ${JSON.stringify(refused)}`);
  made.activities = (made.activities ?? 0) + operations.length;
}

async function makeCustomer(one, users, strategic, byKey) {
  const { id: ownerId, teamId } = users[one.owner];
  const scope = { ownerId, teamId };
  const customer = await ensureByKey("customers", one.key, { ...one.customer, ...scope, ...(one.strategic ? { handCategoryIds: [strategic] } : {}), ...(one.parent ? { parentId: byKey.get(one.parent).id } : {}) });
  const contacts = [];
  for (const [at, contact] of one.contacts.entries()) contacts.push(await ensureByKey("contacts", `${one.key}/${at}`, { ...contact, ...scope, customerId: customer.id }));
  await makeActivities(customer, contacts, one.activities, scope);
  byKey.set(one.key, { id: customer.id, contacts });
}

const endsOf = (row) => [row.kind, row.customerId, row.contactId, row.otherCustomerId, row.otherContactId].join(" ");

async function makeRelationships(byKey) {
  const known = new Set((await all("relationships")).map(endsOf));
  const add = async (relationship) => {
    if (known.has(endsOf(relationship))) return;
    known.add(endsOf(relationship));
    await create("relationships", relationship);
  };
  const at = (name) => {
    const { at: company } = people.find((one) => one.name === name);
    return { customerId: byKey.get(company).id, contactId: byKey.get(company).contacts.find((contact) => contact.name === name).id };
  };
  for (const [from, kind, to, note] of links) await add({ kind, customerId: byKey.get(from).id, otherCustomerId: byKey.get(to).id, note });
  for (const { name, under, family, also = [] } of people) {
    if (under) await add({ kind: "superior", ...at(under), otherContactId: at(name).contactId });
    if (family) await add({ kind: "family", ...at(family), otherContactId: at(name).contactId });
    for (const [kind, company] of also) await add({ kind, ...at(name), otherCustomerId: byKey.get(company).id });
  }
}

async function main() {
  await signIn();
  const password = randomBytes(9).toString("base64url");
  const users = await makePeople(password);
  const found = [];
  for (const [position, category] of categories.entries()) found.push(await ensure("categories", { ...category, position: String(10 * (position + 1)) }));
  for (const policy of policies) await ensure("fieldPolicies", policy, "stage");
  const plan = draw(Date.now());
  const byKey = new Map();
  const parents = new Set(plan.map(({ parent }) => parent));
  for (const half of [plan.filter(({ key, parent }) => !parents.has(key) && !parent), plan.filter(({ key }) => parents.has(key)), plan.filter(({ parent }) => parent)])
    await each(half, (one) => makeCustomer(one, users, found[0].id, byKey));
  await makeRelationships(byKey);
  for (const [position, view] of views.entries()) await ensure("views", { ...view, collection: "customers", shared: "everyone", position: String(position) }, "name", "&filter[collection][eq]=customers");
  for (const [position, view] of activityViews.entries()) await ensure("views", { ...view, collection: "activities", shared: "everyone", position: String(position) }, "name", "&filter[collection][eq]=activities");
  if (Object.keys(made).length === 0) return console.log("The demonstration data is there already.");
  console.log(`Made: ${Object.entries(made).map(([what, count]) => `${count} ${what}`).join(", ")}.`);
  if (made.users) console.log(`Sign in as demo1@example.com … demo${users.length}@example.com with the password ${password}`);
}

main().catch((error) => {
  console.error(`guanxi demo: ${error.message}`);
  process.exit(1);
});
