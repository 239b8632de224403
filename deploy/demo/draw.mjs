// Draws the customers, people and activities of company.mjs: the same ones at each run, but for the day that it is today.
import { again, cities, core, english, foreign, foreignOutcomes, given, outcomes, people, sources, surnames, teams, trade as ways, trades, words } from "./company.mjs";

const customerCount = 120;
const dayMs = 86_400_000;

// --- a small seeded generator (mulberry32)

let state = 20261121;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const between = ([low, high]) => low + below(high - low);
const pick = (list) => list[below(list.length)];
const digits = (n) => Array.from({ length: n }, () => below(10)).join("");
const mobile = () => `1${pick(["38", "39", "86", "77"])}${digits(8)}`;

// --- 统一社会信用代码 (GB 32100) with both of its check characters (GB 11714 inside)

const creditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
function creditCode(area) {
  const organisation = digits(8);
  const sum8 = [3, 7, 9, 10, 5, 8, 4, 2].reduce((sum, weight, i) => sum + weight * Number(organisation[i]), 0);
  const body = `91${area}${organisation}${"0123456789X"[(11 - (sum8 % 11)) % 11]}`;
  let weight = 1;
  let sum = 0;
  for (const character of body) {
    sum += creditAlphabet.indexOf(character) * weight;
    weight = (weight * 3) % 31;
  }
  return body + creditAlphabet[(31 - (sum % 31)) % 31];
}

// --- customers

/** Somebody of the team, as a number through all teams' members. */
function ownerOf(team) {
  const before = teams.slice(0, team).reduce((sum, { members }) => sum + members.length, 0);
  return before + below(teams[team].members.length);
}
const some = (list) => list.filter(() => random() < 0.35);

const weighted = trades.flatMap((one) => Array.from({ length: one.weight }, () => one));
const homeTrade = (industry) => ({ ...trades.find((one) => one.industry === industry), outcomes, person: () => pick(surnames) + pick(given) });

function abroad(name) {
  const [, industry, titles, talk] = foreign.find((one) => one[0] === name);
  return { industry, titles, talk, outcomes: foreignOutcomes, person: () => pick(english), foreign: true };
}

const invoiceOf = (name, code, phone, address) => [{ type: "special", title: name, taxNumber: code, bank: pick(["中国工商银行", "中国农业银行", "中国建设银行"]) + address.city + "支行", account: `45${digits(17)}`, phone }];

/** What a company at home has; few are complete. */
function atHome(name, city, number) {
  const [province, cityName, district, area, street] = cities[city];
  const phone = `+86${mobile()}`;
  const code = creditCode(area);
  const address = { kind: "work", country: "中国", province, city: cityName, district, street: `${street} ${1 + below(400)} 号` };
  return {
    ...(random() < 0.85 ? { phones: [{ kind: "work", number: phone }] } : {}), ...(random() < 0.8 ? { creditCode: code, addresses: [address] } : {}),
    ...(random() < 0.5 ? { invoices: invoiceOf(name, code, phone, address) } : {}), ...(random() < 0.7 ? { emails: [{ kind: "work", address: `contact${number}@example.com` }] } : {}),
  };
}

function coreCustomer(one, number) {
  const of = one.name === undefined ? abroad(one.of) : homeTrade(one.of);
  const name = one.name ?? one.of;
  const customer = {
    name, kind: "company", stage: one.stage, industry: of.industry, source: of.foreign ? "Trade fair" : pick(sources), employees: one.employees, roles: one.roles, tags: one.tags,
    ...(one.name === undefined ? { emails: [{ kind: "work", address: `office${number}@example.com` }], website: `https://www${number}.example.com` } : atHome(name, one.city, number)),
    ...(one.website === undefined ? {} : { website: one.website }), ...(one.description === undefined ? {} : { description: one.description }),
    ...(one.phone === undefined ? {} : { phones: [{ kind: "work", number: one.phone }] }),
  };
  if (one.name !== undefined && again.some(({ like }) => like === one.key)) customer.phones ??= [{ kind: "work", number: `+86${mobile()}` }];
  return { key: one.key, of, customer, owner: one.owner, parent: one.parent, strategic: one.strategic === true };
}

const taken = new Set(core.map((one) => one.name));
function drawnCustomer(number) {
  const trade = pick(weighted);
  for (;;) {
    const city = below(cities.length);
    const name = `${cities[city][1].replace("市", "")}${pick(words.first)}${pick(words.second)}${pick(trade.ends)}`;
    if (taken.has(name)) continue;
    taken.add(name);
    const customer = {
      name, kind: "company", stage: pick(["prospect", "prospect", "prospect", "active", "active", "active", "active", "dormant", "lost"]),
      industry: trade.industry, source: pick(sources), employees: between(trade.employees), ...atHome(name, city, number),
    };
    const { tags, team = 0 } = ways[trade.industry];
    return { key: `c${number}`, of: homeTrade(trade.industry), customer: { ...customer, tags: some(tags) }, owner: ownerOf(team), strategic: false };
  }
}

function copyOf(one, customers) {
  const { customer, of } = customers.find(({ key }) => key === one.like);
  const shared = customer.phones === undefined ? { emails: customer.emails } : { phones: customer.phones };
  return { key: `again-${one.like}`, of, customer: { name: one.name, kind: "company", stage: one.stage, industry: of.industry, source: one.source, ...shared }, owner: one.owner, strategic: false };
}

// --- people

function contactsOf({ key, of }) {
  const named = people.filter((one) => one.at === key).map(({ name, jobTitle }) => ({ name, jobTitle }));
  const drawn = Array.from({ length: named.length > 0 ? 0 : 1 + below(3) }, () => ({ name: of.person(), jobTitle: pick(of.titles) }));
  return [...named, ...drawn].map((one) => ({ ...one, phones: [{ kind: "mobile", number: of.foreign ? `+44${7400000000 + below(99999999)}` : `+86${mobile()}` }] }));
}

// --- activities: each stage has its rhythm, days ago from the first to the last, and days between two

const rhythms = {
  active: { first: [240, 700], last: [0, 9], gap: [9, 26] },
  prospect: { first: [25, 95], last: [0, 16], gap: [5, 15] },
  dormant: { first: [480, 730], last: [150, 290], gap: [14, 40] },
  lost: { first: [560, 730], last: [250, 400], gap: [20, 50] },
};
const kinds = ["call", "call", "call", "mail", "mail", "meeting", "visit", "visit", "note"];
const farewell = { true: "They went with another supplier; stay in touch.", false: "已选择其他供应商，保持联系。" };

/** A working hour in China, that many days ago, never ahead of now. */
function workingTime(daysAgo, now) {
  const day = new Date(now - daysAgo * dayMs);
  const weekend = (day.getUTCDay() + 6) % 7 > 4 ? ((day.getUTCDay() + 6) % 7) - 4 : 0;
  const at = Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate() - weekend, 1 + below(9), below(12) * 5);
  return Math.min(at, now - 600_000);
}

function touch(of, time, customer, contactCount) {
  const kind = pick(kinds);
  return {
    kind, subject: pick(of.talk), occurTime: new Date(time).toISOString(), contact: random() < 0.75 ? below(contactCount) : undefined,
    ...(random() < 0.65 ? { outcome: pick(of.outcomes) } : {}), ...(kind === "visit" && customer.addresses ? { place: customer.addresses[0].city + customer.addresses[0].street } : {}),
  };
}

/** The next step with who is not gone: some are due, one in eight is overdue. */
function nextStep(of, now, contactCount) {
  const due = (random() < 0.12 ? -1 - below(6) : below(15)) * dayMs;
  const subject = (of.foreign ? "Next: " : "下一步：") + pick(of.talk);
  return { kind: "task", subject, occurTime: new Date(workingTime(below(12), now)).toISOString(), dueTime: new Date(workingTime(0, now) + due + 14_400_000).toISOString(), done: false, contact: random() < 0.5 ? below(contactCount) : undefined };
}

function activitiesOf({ of, customer }, contactCount, now) {
  const rhythm = rhythms[customer.stage];
  const last = between(rhythm.last);
  const made = [];
  for (let daysAgo = between(rhythm.first); daysAgo > last; daysAgo -= between(rhythm.gap)) made.push(touch(of, workingTime(daysAgo, now), customer, contactCount));
  made.push({ ...touch(of, workingTime(last, now), customer, contactCount), ...(customer.stage === "lost" ? { kind: "note", subject: farewell[of.foreign === true], outcome: undefined } : {}) });
  if (["active", "prospect"].includes(customer.stage) && random() < 0.7) made.push(nextStep(of, now, contactCount));
  return made;
}

/** Everything, with keys by which a second run knows it again. The best known come last, so that a list by age begins with them. */
export function draw(now) {
  const known = core.map(coreCustomer);
  const drawn = Array.from({ length: customerCount - core.length - again.length }, (_, i) => drawnCustomer(core.length + i));
  const customers = [...again.map((one) => copyOf(one, known)), ...drawn, ...known.reverse()];
  return customers.map((one) => {
    const contacts = contactsOf(one);
    return { ...one, contacts, activities: activitiesOf(one, contacts.length, now) };
  });
}
