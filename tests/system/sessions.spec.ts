import path from "node:path";
import { System, eventually, outcome } from "./harness/system";
import { Client, type Reply, type Row, expectOk, expectProblem, uniqueWord } from "./lib/client";
import { test as base, expect } from "./lib/fixtures";
import { administrator, newPerson, signIn } from "./lib/people";

// Signing in and out. On systems of their own: failed attempts of one address add up, and here all come from one.

const test = base.extend<{}, { own: System }>({
  own: [
    async ({}, use) => {
      const own = await System.start();
      await use(own);
      await own.remove();
    },
    { scope: "worker", timeout: 120_000 },
  ],
});

const attempt = (url: string, email: string, password: string, headers: Record<string, string> = {}): Promise<Reply> => new Client(url, undefined).post("/api/v1/sessions", { email, password }, headers);

/** The lines of Set-Cookie; Debian 12's Node knows no getSetCookie(). */
const setCookies = (reply: Reply): string[] => reply.header("set-cookie").split(/, (?=[\w-]+=)/).filter((line) => line !== "");

/** Cookies that an answer sets: name → value and attributes. */
function cookies(reply: Reply): Map<string, { value: string; attributes: string[] }> {
  return new Map(
    setCookies(reply).map((line) => {
      const [pair, ...attributes] = line.split("; ");
      const [name, value] = (pair ?? "").split("=");
      return [name ?? "", { value: value ?? "", attributes: attributes.sort() }];
    }),
  );
}

test.describe("signing in", () => {
  test("with the right password gives a token of 256 bits, the user, and when it ends @SYS-22", async ({ own }) => {
    const reply = expectOk(await new Client(own.url, undefined).post("/api/v1/sessions", { ...own.admin, email: " ADMIN@Example.com ", client: "试验程序 1.0" }), 201);
    const session = reply.json<{ token: string; user: Row; expireTime: string }>();
    expect(session.token).toMatch(/^[\w-]{43}$/);
    expect(session.user).toMatchObject({ email: "admin@example.com", role: "administrator", mustChangePassword: false });
    const days = (Date.parse(session.expireTime) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(29.9);
    expect(days).toBeLessThan(30.1);
    expect(reply.header("cache-control")).toBe("no-store");
    expect(setCookies(reply)).toEqual([]);
    const client = new Client(own.url, session.token);
    expect((await client.get("/api/v1/me")).json()).toEqual(session.user);
    expect((await client.list("sessions")).data.map((row) => row["client"])).toContain("试验程序 1.0");
  });

  test("tells an unknown user and a wrong password apart neither by words nor by time @SYS-22", async ({ own }) => {
    const admin = await administrator(own);
    const people = [];
    for (let i = 0; i < 5; i++) people.push(await newPerson(admin));
    const ask = async (email: string): Promise<{ ms: number; text: string }> => {
      const since = performance.now();
      const reply = await attempt(own.url, email, "quite wrong 12");
      expectProblem(reply, 401, "bad_credentials");
      return { ms: performance.now() - since, text: reply.text.replace(/"traceId":"\w+"/, "") };
    };
    await ask(`${uniqueWord()}@example.com`);
    const [wrong, unknown] = [[], []] as { ms: number; text: string }[][];
    for (const { email } of people) {
      wrong?.push(await ask(email));
      unknown?.push(await ask(`${uniqueWord()}@example.com`));
    }
    const median = (asked: { ms: number }[] = []): number => asked.map(({ ms }) => ms).sort((a, b) => a - b)[Math.floor(asked.length / 2)] ?? NaN;
    expect(new Set([...(wrong ?? []), ...(unknown ?? [])].map(({ text }) => text)).size).toBe(1);
    const ratio = median(wrong) / median(unknown);
    expect(ratio, `wrong password ${median(wrong)} ms, unknown user ${median(unknown)} ms`).toBeGreaterThan(1 / 3);
    expect(ratio).toBeLessThan(3);
  });

  test("needs both, and nothing else", async ({ own }) => {
    const client = new Client(own.url, undefined);
    expectProblem(await client.post("/api/v1/sessions", {}), 400, "invalid", { "/email": "required", "/password": "required" });
    expectProblem(await client.post("/api/v1/sessions", { ...own.admin, address: "10.0.0.1" }), 400, "invalid", { "/address": "output_only" });
    expectProblem(await client.post("/api/v1/sessions", { ...own.admin, remember: true }), 400, "invalid", { "/remember": "unknown_field" });
  });

  test("a count that lost its end, as when the process died before it was set, gets one again @SYS-22", async ({ own }) => {
    const person = await newPerson(await administrator(own));
    const redis = async (...words: string[]): Promise<string[]> => (await outcome("redis-cli", ["-s", path.join(own.directory, "run/redis"), ...words])).stdout.trim().split("\n");
    const fail = async (): Promise<void> => void expectProblem(await attempt(own.url, person.email, "a wrong password"), 401, "bad_credentials");
    const keys = async (): Promise<string[]> => redis("--scan", "--pattern", "guanxi:sign-in:pair:*");
    const before = await keys();
    await fail();
    const [key = ""] = (await keys()).filter((name) => !before.includes(name));
    expect(await redis("PERSIST", key)).toEqual(["1"]);
    await fail();
    expect(Number((await redis("TTL", key))[0])).toBeGreaterThan(0);
  });

  for (const redis of [true, false])
    test(`five failures of one address for one account close it for a while, ${redis ? "counted in Redis" : "also while Redis is away"} @SYS-22`, async ({ own }) => {
      const admin = await administrator(own);
      const [person, other] = [await newPerson(admin), await newPerson(admin)];
      if (!redis) await own.setUp("redis", false);
      try {
        for (let i = 0; i < 4; i++) expectProblem(await attempt(own.url, person.email, `wrong ${i} password`), 401, "bad_credentials");
        await signIn(own.url, person.email, person.password);
        for (let i = 0; i < 5; i++) expectProblem(await attempt(own.url, person.email, `wrong ${i} password`), 401, "bad_credentials");
        const refused = await attempt(own.url, person.email, person.password);
        const problem = expectProblem(refused, 429, "sign_in_throttled");
        const seconds = Number(refused.header("retry-after"));
        expect(seconds).toBeGreaterThan(0);
        expect(seconds).toBeLessThanOrEqual(900);
        expect(problem.detail).toContain(String(seconds));
        await signIn(own.url, other.email, other.password);
      } finally {
        await own.setUp("redis", true);
      }
    });
});

test.describe("a token", () => {
  test("is taken from the Authorization header alone", async ({ own }) => {
    const admin = await administrator(own);
    const nobody = new Client(own.url, undefined);
    for (const headers of [{}, { authorization: admin.token ?? "" }, { authorization: `Basic ${admin.token ?? ""}` }, { authorization: "Bearer" }, { authorization: `Bearer ${"x".repeat(43)}` }, { authorization: `Bearer ${admin.token ?? ""}x` }, { "x-token": admin.token ?? "" }]) {
      const reply = await nobody.get("/api/v1/me", headers);
      expectProblem(reply, 401, headers["authorization"] === `Bearer ${"x".repeat(43)}` ? "session_expired" : "unauthenticated");
      expect(reply.header("www-authenticate"), "RFC 9110 section 11.6.1").toMatch(/^Bearer/);
    }
    expectProblem(await nobody.get(`/api/v1/me?access_token=${admin.token ?? ""}`), 401, "unauthenticated");
    expectOk(await nobody.get("/api/v1/me", { authorization: `bearer ${admin.token ?? ""}` }), 200);
  });

  test("ends with signing out; the user's other sessions go on", async ({ own }) => {
    const { client, email, password } = await newPerson(await administrator(own));
    const second = await signIn(own.url, email, password);
    expectOk(await second.delete("/api/v1/sessions/current"), 204);
    await eventually("the token is refused", async () => ((await second.get("/api/v1/me")).status === 401 ? true : undefined), 5_000);
    expectOk(await client.get("/api/v1/me"), 200);
  });

  test("is kept nowhere: neither in the database nor in a log", async ({ own }) => {
    const { client, password } = await newPerson(await administrator(own));
    await client.create("customers", { name: "甲" });
    for (const secret of [client.token ?? "", password]) {
      for (const table of ["session", "credential", "event_log", "event_outbox", "idempotency"])
        expect(await own.sql(`select count(*) from identity.${table} t where position('${secret}' in t::text) > 0`), table).toEqual([["0"]]);
      for (const process of own.processes()) expect(own.log(process), process).not.toContain(secret);
    }
  });

  test("whose session is too old or was not used for twelve hours is refused", async ({ own }) => {
    for (const change of ["expire_time = now() - interval '1 second'", "used_time = now() - interval '12 hours'"]) {
      const { client } = await newPerson(await administrator(own));
      expectOk(await client.get("/api/v1/me"), 200);
      await own.sql(`update identity.session set ${change} where owner_id = '${client.id}'`);
      const refused = await eventually(change, async () => {
        const reply = await client.get("/api/v1/me");
        return reply.status === 401 ? reply : undefined;
      }, 8_000);
      expectProblem(refused, 401, "session_expired");
    }
  });
});

test.describe("a browser's session", () => {
  const cookieMode = { "x-guanxi-session": "cookie" };
  async function browser(own: System): Promise<{ cookie: string; csrf: string; reply: Reply }> {
    const reply = expectOk(await attempt(own.url, own.admin.email, own.admin.password, { ...cookieMode, origin: own.url }), 201);
    const set = cookies(reply);
    return { reply, cookie: [...set].map(([name, { value }]) => `${name}=${value}`).join("; "), csrf: set.get("guanxi_csrf")?.value ?? "" };
  }

  test("is an HttpOnly cookie, and the token is nowhere else @SYS-22", async ({ own }) => {
    const { reply } = await browser(own);
    const set = cookies(reply);
    expect([...set.keys()].sort()).toEqual(["guanxi_csrf", "guanxi_session"]);
    const [session, csrf] = [set.get("guanxi_session"), set.get("guanxi_csrf")];
    const attributes = [expect.stringMatching(/^Max-Age=25\d{5}$/), "Path=/", "SameSite=Strict", "Secure"];
    expect(session?.attributes).toEqual(["HttpOnly", ...attributes]);
    expect(csrf?.attributes).toEqual(attributes);
    expect(reply.json()).not.toHaveProperty("token");
    expect(reply.text).not.toContain(session?.value);
    expect(csrf?.value).not.toBe(session?.value);
  });

  test("changes things with the CSRF token and from our own pages only @SYS-22", async ({ own }) => {
    const { cookie, csrf } = await browser(own);
    const { cookie: stranger, csrf: foreign } = await browser(own);
    expect(stranger).not.toBe(cookie);
    const client = new Client(own.url, undefined, { cookie });
    expectOk(await client.get("/api/v1/me"), 200);
    const post = (headers: Record<string, string>): Promise<Reply> => client.post("/api/v1/customers", { name: "甲" }, headers);
    expectProblem(await post({}), 403, "csrf");
    expectProblem(await post({ "x-csrf-token": foreign }), 403, "csrf");
    expectProblem(await post({ "x-csrf-token": `${csrf.slice(0, -1)}${csrf.endsWith("A") ? "B" : "A"}` }), 403, "csrf");
    expectProblem(await post({ "x-csrf-token": csrf, origin: "https://evil.example" }), 403, "bad_origin");
    expectProblem(await post({ "x-csrf-token": csrf, origin: "null" }), 403, "bad_origin");
    for (const [method, path] of [["PATCH", `/api/v1/users/${uniqueWord()}`], ["DELETE", "/api/v1/sessions/current"], ["POST", "/api/v1/files?name=x"]] as const) expectProblem(await client.send(method, path), 403, "csrf");
    expectOk(await post({ "x-csrf-token": csrf }), 201);
    expectOk(await post({ "x-csrf-token": csrf, origin: own.url }), 201);
  });

  test("is not begun from a foreign page", async ({ own }) => {
    expectProblem(await attempt(own.url, own.admin.email, own.admin.password, { ...cookieMode, origin: "https://evil.example" }), 403, "bad_origin");
  });

  test("ends with signing out, which takes the cookies away", async ({ own }) => {
    const { cookie, csrf } = await browser(own);
    const client = new Client(own.url, undefined, { cookie, "x-csrf-token": csrf });
    const out = cookies(expectOk(await client.delete("/api/v1/sessions/current"), 204));
    for (const name of ["guanxi_session", "guanxi_csrf"]) expect(out.get(name)).toMatchObject({ value: "", attributes: expect.arrayContaining(["Max-Age=0"]) as string[] });
    await eventually("the cookie is refused", async () => ((await client.get("/api/v1/me")).status === 401 ? true : undefined), 5_000);
  });

  test("gives no other site a way in: no CORS header on any answer", async ({ own }) => {
    const { cookie } = await browser(own);
    const client = new Client(own.url, undefined, { cookie, origin: "https://evil.example" });
    for (const reply of [await client.get("/api/v1/me"), await client.send("OPTIONS", "/api/v1/customers", undefined, { "access-control-request-method": "POST" })])
      for (const name of ["access-control-allow-origin", "access-control-allow-credentials", "access-control-allow-methods"]) expect(reply.header(name)).toBe("");
  });
});

test.describe("a password", () => {
  test("that somebody else set must be changed before anything else @SYS-22", async ({ own }) => {
    const admin = await administrator(own);
    const email = `${uniqueWord()}@example.com`;
    const { id } = await admin.create("users", { name: "新人", email });
    expectOk(await admin.post(`/api/v1/users/${id}:setPassword`, { password: "given to them 1" }), 204);
    const client = await signIn(own.url, email, "given to them 1");
    expect(client.user).toMatchObject({ mustChangePassword: true });
    for (const reply of [await client.get("/api/v1/customers"), await client.post("/api/v1/customers", { name: "x" }), await client.get("/api/v1/events"), await client.post("/api/v1/files?name=x", "x")]) expectProblem(reply, 403, "must_change_password");
    for (const path of ["/api/v1/me", "/api/schema"]) expectOk(await client.get(path), 200);
    const change = (currentPassword: string, newPassword: string): Promise<Reply> => client.post("/api/v1/me:changePassword", { currentPassword, newPassword });
    expectProblem(await change("wrong password", "chosen by me 1"), 400, "invalid", { "/currentPassword": "wrong_password" });
    expectProblem(await change("given to them 1", "given to them 1"), 400, "invalid", { "/newPassword": "same_password" });
    expectProblem(await change("given to them 1", "short"), 400, "invalid", { "/newPassword": "too_short" });
    expectProblem(await change("given to them 1", "aaaaaaaaaaaa"), 400, "invalid", { "/newPassword": "weak_password" });
    expectProblem(await change("given to them 1", `${email.split("@")[0] ?? ""}1`), 400, "invalid", { "/newPassword": "weak_password" });
    expectOk(await change("given to them 1", "我自己选的密码一二三"), 204);
    await eventually("the rest opens", async () => ((await client.get("/api/v1/customers")).status === 200 ? true : undefined), 5_000);
    expect((await client.get("/api/v1/me")).json()).toMatchObject({ mustChangePassword: false });
    await signIn(own.url, email, "我自己选的密码一二三");
    expectProblem(await attempt(own.url, email, "given to them 1"), 401, "bad_credentials");
  });

  test("set by an administrator ends every session of that user @SYS-22", async ({ own }) => {
    const admin = await administrator(own);
    const { client, email, password } = await newPerson(admin);
    const second = await signIn(own.url, email, password);
    expectOk(await admin.post(`/api/v1/users/${client.id}:setPassword`, { password: "another one 12" }), 204);
    for (const session of [client, second]) await eventually("the session is refused", async () => ((await session.get("/api/v1/me")).status === 401 ? true : undefined), 5_000);
    expectOk(await admin.get("/api/v1/me"), 200);
  });

  test("is not to be found out with a session: five wrong ones, and the next wait @SYS-22", async ({ own }) => {
    const { client, email, password } = await newPerson(await administrator(own));
    const change = (currentPassword: string): Promise<Reply> => client.post("/api/v1/me:changePassword", { currentPassword, newPassword: "quite another 12" });
    for (let i = 0; i < 5; i++) expectProblem(await change(`wrong ${i} password`), 400, "invalid", { "/currentPassword": "wrong_password" });
    const refused = await change(password);
    expectProblem(refused, 429, "sign_in_throttled");
    expect(Number(refused.header("retry-after"))).toBeGreaterThan(0);
    await signIn(own.url, email, password); // whoever holds a session shuts nobody out
  });

  test("is asked of each person, whatever others answer @SYS-22", async ({ own }) => {
    const admin = await administrator(own);
    const others = await Promise.all(Array.from({ length: 10 }, () => newPerson(admin)));
    for (const { client } of others)
      for (let i = 0; i < 5; i++) expectProblem(await client.post("/api/v1/me:changePassword", { currentPassword: `wrong ${i} password`, newPassword: "quite another 12" }), 400, "invalid");
    const { client, password } = await newPerson(admin);
    expectOk(await client.post("/api/v1/me:changePassword", { currentPassword: password, newPassword: "quite another 12" }), 204);
  });

  test("changed by its owner ends their other sessions and keeps this one @SYS-22", async ({ own }) => {
    const { client, email, password } = await newPerson(await administrator(own));
    const second = await signIn(own.url, email, password);
    expectOk(await client.post("/api/v1/me:changePassword", { currentPassword: password, newPassword: "quite another 12" }), 204);
    await eventually("the other session is refused", async () => ((await second.get("/api/v1/me")).status === 401 ? true : undefined), 5_000);
    expectOk(await client.get("/api/v1/me"), 200);
  });

  test("of at most 1,024 characters of any kind works", async ({ own }) => {
    const admin = await administrator(own);
    const email = `${uniqueWord()}@example.com`;
    const { id } = await admin.create("users", { name: "长", email });
    const long = "长密码 é🙂".repeat(128);
    expect([...long].length).toBe(768);
    expectOk(await admin.post(`/api/v1/users/${id}:setPassword`, { password: long }), 204);
    await signIn(own.url, email, long);
    expectProblem(await attempt(own.url, email, long.slice(0, -2)), 401, "bad_credentials");
    expectProblem(await admin.post(`/api/v1/users/${id}:setPassword`, { password: "ab".repeat(513) }), 400, "invalid", { "/password": "too_long" });
  });
});

test("whoever came over TLS is told never to come without it @SYS-22", async ({ ownSystem }) => {
  ownSystem.set("GUANXI_TRUSTED_PROXIES", "127.0.0.1/32");
  await ownSystem.start();
  const client = new Client(ownSystem.url, undefined);
  for (const path of ["/", "/docs", "/api/v1/me", "/api/openapi.json"]) {
    expect((await client.get(path, { "x-forwarded-proto": "https" })).header("strict-transport-security"), path).toBe("max-age=31536000");
    expect((await client.get(path)).header("strict-transport-security"), path).toBe("");
  }
});
