import { type Client, type Json, type Row, expectOk, expectProblem, uniqueWord } from "./lib/client";
import { expect, test } from "./lib/fixtures";
import { newMember, newTeam } from "./lib/people";
import { Stream } from "./lib/stream";

// Saved views of lists, and what a person chose about the interface.

const view = (more: Record<string, Json> = {}): Record<string, Json> => ({ name: uniqueWord(), collection: "customers", query: "filter[stage][in]=active,lost&sort=-createTime", columns: ["name", "stage"], ...more });
const seen = async (client: Client, name: Json | undefined) => (await client.all("views", { limit: 500 })).filter((row) => row["name"] === name).length;

test("a view is its owner's until it is shared with the team, then with everyone @NRM-03", async ({ admin }) => {
  const team = await newTeam(admin);
  const [owner, colleague, stranger] = await Promise.all([newMember(admin, "主人", team.id), newMember(admin, "同事", team.id), newMember(admin, "外人")]);
  const made = await owner.create("views", view());
  expect(made).toMatchObject({ shared: "nobody", ownerId: owner.id, public: false });
  const counts = async () => Promise.all([owner, colleague, stranger].map((client) => seen(client, made["name"])));
  expect(await counts()).toEqual([1, 0, 0]);
  await owner.update("views", made.id, { shared: "team" });
  expect(await counts()).toEqual([1, 1, 0]);
  await owner.update("views", made.id, { shared: "everyone" });
  expect(await counts()).toEqual([1, 1, 1]);
  expect(await stranger.read("views", made.id)).toMatchObject({ name: made["name"] });
  expect((await stranger.list("views", { q: String(made["name"]), count: "true" })).page.total).toBe("1");
  await owner.update("views", made.id, { shared: "nobody" });
  expect(await counts()).toEqual([1, 0, 0]);
  expectProblem(await colleague.get(`/api/v1/views/${made.id}`), 404, "not_found");
});

test("only its owner and an administrator change a shared view, or bring it back @NRM-03", async ({ admin }) => {
  const team = await newTeam(admin);
  const [owner, other] = [await newMember(admin, "主人", team.id), await newMember(admin, "同事", team.id)];
  const made = await owner.create("views", view({ shared: "everyone" }));
  expectProblem(await other.patch(`/api/v1/views/${made.id}`, { name: "mine now" }), 403, "view_of_another");
  expectProblem(await other.delete(`/api/v1/views/${made.id}`), 403, "view_of_another");
  expect(await admin.update("views", made.id, { name: "renamed" })).toMatchObject({ name: "renamed", ownerId: owner.id });
  await owner.update("views", made.id, { shared: "team" });
  await owner.remove("views", made.id);
  expectProblem(await other.post(`/api/v1/views/${made.id}:restore`), 403, "view_of_another");
  expectOk(await owner.post(`/api/v1/views/${made.id}:restore`), 200);
});

test("a view names a list, fields and an order that exist @NRM-03", async ({ admin }) => {
  expectProblem(await admin.post("/api/v1/views", view({ collection: "nothing" })), 400, "invalid", { "/collection": "no_such_list" });
  expectProblem(await admin.post("/api/v1/views", view({ columns: ["name", "nothing"] })), 400, "invalid", { "/columns/1": "unknown_field" });
  for (const [query, code] of [["filter[nothing][eq]=1", "not_filterable"], ["sort=description", "not_sortable"], ["limit=3", "unknown_parameter"]] as const)
    expectProblem(await admin.post("/api/v1/views", view({ query })), 400, "invalid", { "/query": code });
  for (const [groupBy, code] of [["nothing", "not_groupable"], ["employees", "not_groupable"], ["stage:month", "not_groupable"], ["createTime", "bad_bucket"], ["createTime:century", "bad_bucket"]] as const)
    expectProblem(await admin.post("/api/v1/views", view({ groupBy })), 400, "invalid", { "/groupBy": code });
  expectProblem(await admin.post("/api/v1/views", view({ shared: "team" })), 400, "invalid", { "/shared": "view_without_team" });
});

test("a view keeps what its rows are counted by, or nothing @NRM-03", async ({ admin }) => {
  const plain = await admin.create("views", view());
  expect(plain["groupBy"]).toBeUndefined();
  expect(await admin.update("views", plain.id, { groupBy: "createTime:quarter" })).toMatchObject({ groupBy: "createTime:quarter" });
  expect(await admin.read("views", plain.id)).toMatchObject({ groupBy: "createTime:quarter" });
  expect((await admin.update("views", plain.id, { groupBy: null }))["groupBy"]).toBeUndefined();
});

test("a view that is shared is told to those who may see it, as it happens @NRM-03", async ({ admin }) => {
  const reader = await newMember(admin, "读者");
  const stream = await Stream.open(reader, { types: "guanxi.identity.view.*", from: "latest" });
  const hidden = await admin.create("views", view());
  const shown = await admin.create("views", view({ shared: "everyone" }));
  const event = await stream.wait("the view that is shared", ({ subject }) => subject === `views/${shown.id}`);
  expect(event.name).toBe("guanxi.identity.view.created.v1");
  expect(stream.names(`views/${hidden.id}`)).toEqual([]);
  stream.close();
});

test("preferences are one record a person, checked, and nobody else's @SYS-09", async ({ admin }) => {
  const [person, other] = [await newMember(admin, "甲"), await newMember(admin, "乙")];
  const made = await person.create("preferences", { language: "zh", theme: "dark", density: "compact", timeZone: "Asia/Shanghai", lists: [{ collection: "customers", columns: "name,stage" }] });
  expect(made).toMatchObject({ ownerId: person.id, theme: "dark", lists: [{ collection: "customers", columns: "name,stage" }] });
  expectProblem(await person.post("/api/v1/preferences", { theme: "light" }), 409, "duplicate");
  expectProblem(await other.get(`/api/v1/preferences/${made.id}`), 404, "not_found");
  expect((await other.list("preferences")).data).toEqual([]);
  expectProblem(await person.patch(`/api/v1/preferences/${made.id}`, { timeZone: "Mars/Olympus" }), 400, "invalid", { "/timeZone": "bad_time_zone" });
  expectProblem(await person.patch(`/api/v1/preferences/${made.id}`, { lists: [{ collection: "nothing" }, { collection: "customers", columns: "name,nix" }] }), 400, "invalid", { "/lists/0/collection": "no_such_list", "/lists/1/columns": "unknown_field" });
  for (const widths of ["name", "name:", "name:2x", "name:8", "name:99999"])
    expectProblem(await person.patch(`/api/v1/preferences/${made.id}`, { lists: [{ collection: "customers", widths }] }), 400, "invalid", { "/lists/0/widths": "bad_width" });
  expectProblem(await person.patch(`/api/v1/preferences/${made.id}`, { lists: [{ collection: "customers", widths: "nix:99" }] }), 400, "invalid", { "/lists/0/widths": "unknown_field" });
  expectProblem(await person.patch(`/api/v1/preferences/${made.id}`, { lists: [{ collection: "customers", columns: "name,,stage" }] }), 400, "invalid", { "/lists/0/columns": "unknown_field" });
  const lists = [{ collection: "customers", columns: "name,stage", widths: "name:240,stage:96" }];
  expect(await person.update("preferences", made.id, { lists })).toMatchObject({ lists });
  const changed: Row = expectOk(await person.patch(`/api/v1/preferences/${made.id}`, { theme: "light" }), 200).json();
  expect(changed).toMatchObject({ theme: "light", language: "zh", version: "3" });
});
