import type { System } from "../harness/system";
import { Client, type Row, expectOk, uniqueWord } from "./client";

// Users with a session, as a test needs them.

/** The session of whoever has that address and password; anything but success fails the test. */
export async function signIn(url: string, email: string, password: string): Promise<Client> {
  const reply = expectOk(await new Client(url, undefined).post("/api/v1/sessions", { email, password }), 201);
  const { token, user } = reply.json<{ token: string; user: Row }>();
  return new Client(url, token, {}, user);
}

export function administrator(system: System): Promise<Client> {
  return signIn(system.url, system.admin.email, system.admin.password);
}

export interface Person {
  client: Client;
  email: string;
  password: string;
}

/** A user made by an administrator, who has signed in and changed the password that they were given. */
export async function newPerson(admin: Client, user: { name?: string; teamId?: string; role?: string } = {}): Promise<Person> {
  const email = `${uniqueWord()}@example.com`;
  const created = await admin.create("users", { name: "某人", ...user, email });
  const first = `first-${uniqueWord()}`;
  const password = `later-${uniqueWord()}`;
  expectOk(await admin.post(`/api/v1/users/${created.id}:setPassword`, { password: first }), 204);
  const session = await signIn(admin.url, email, first);
  expectOk(await session.post("/api/v1/me:changePassword", { currentPassword: first, newPassword: password }), 204);
  return { client: await signIn(admin.url, email, password), email, password };
}

export async function newMember(admin: Client, name: string, teamId?: string): Promise<Client> {
  const person = await newPerson(admin, teamId === undefined ? { name } : { name, teamId });
  return person.client;
}

export async function newTeam(admin: Client, parentId?: string): Promise<Row> {
  return admin.create("teams", { name: uniqueWord(), ...(parentId === undefined ? {} : { parentId }) });
}
