#!/usr/bin/env node
// make demo: fills the running system, through its public API, with a small sales organisation and its customers, so that
// there is something to look at. Everything is invented; mail addresses end in example.com. Running it again adds nothing.
//   fill.mjs URL EMAIL PASSWORD-FILE
// A password that must be changed at the first sign-in is changed, and the new one written to the file.
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const [url, email, passwordFile] = process.argv.slice(2);
const customerCount = 120;
const parallel = 8;

// --- the same data at each run: a small seeded generator (mulberry32)

let state = 20261121;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const pick = (list) => list[below(list.length)];
const digits = (n) => Array.from({ length: n }, () => below(10)).join("");

// --- words

const teams = [
  { name: "华东销售部", members: ["王丽华", "陈志强"] },
  { name: "华南销售部", members: ["李晓明", "黄海燕"] },
  { name: "International", members: ["Emma Fischer", "Daniel Okafor"] },
];
const cities = [
  ["上海市", "上海市", "浦东新区", "310115", "世纪大道"], ["江苏省", "苏州市", "工业园区", "320571", "星湖街"],
  ["浙江省", "杭州市", "滨江区", "330108", "江南大道"], ["广东省", "深圳市", "南山区", "440305", "科苑路"],
  ["广东省", "广州市", "天河区", "440106", "天河路"], ["湖南省", "长沙市", "岳麓区", "430104", "麓山南路"],
  ["四川省", "成都市", "武侯区", "510107", "天府大道"], ["北京市", "北京市", "海淀区", "110108", "中关村大街"],
];
const firsts = ["恒", "瑞", "鼎", "华", "盛", "远", "嘉", "泰", "宏", "信", "博", "金", "云", "海", "新", "蓝"];
const seconds = ["达", "通", "源", "科", "创", "利", "丰", "业", "峰", "图", "晟", "隆", "航", "睿", "腾", "景"];
const trades = [
  ["精密机械", "制造业"], ["软件", "软件和信息技术"], ["医疗器械", "医疗健康"], ["新能源", "能源"], ["物流", "交通运输"],
  ["文化传媒", "传媒"], ["展览服务", "会展"], ["食品", "食品饮料"], ["纺织", "制造业"], ["教育科技", "教育"],
];
const foreign = ["Nordlicht Logistik GmbH", "Hargreaves & Sons Ltd", "Atelier Moreau SARL", "Blue Harbor Analytics Inc", "Kestrel Instruments Ltd", "Tanaka Precision Co"];
const sources = ["展会", "官网", "转介绍", "电话", "广告", "合作伙伴"];
const surnames = ["曾", "单", "解", "仇", "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴"];
const given = ["伟", "芳", "敏", "静", "志强", "海燕", "晓东", "雪梅", "建国", "丽娟", "子涵", "宇航"];
const titles = ["采购经理", "总经理", "技术总监", "财务主管", "市场经理", "行政助理"];
const subjects = {
  call: ["电话沟通年度采购计划", "回访使用情况", "确认报价细节"],
  meeting: ["产品演示会", "合同条款讨论", "项目启动会"],
  visit: ["上门拜访", "参观工厂", "现场调研"],
  mail: ["发送产品资料", "发送报价单", "会议纪要"],
  note: ["客户关注交付周期", "竞争对手已报价", "决策人下月调整"],
  task: ["准备方案", "跟进合同回签", "安排下次拜访"],
};

// --- 统一社会信用代码 (GB 32100) with both of its check characters (GB 11714 inside)

const creditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
function creditCode(area) {
  const organisation = digits(8);
  const sum8 = [3, 7, 9, 10, 5, 8, 4, 2].reduce((sum, weight, i) => sum + weight * Number(organisation[i]), 0);
  const inner = "0123456789X0"[(11 - (sum8 % 11)) % 11 === 0 ? 0 : 11 - (sum8 % 11)];
  const body = `91${area}${organisation}${inner}`;
  let weight = 1;
  let sum = 0;
  for (const character of body) {
    sum += creditAlphabet.indexOf(character) * weight;
    weight = (weight * 3) % 31;
  }
  return body + creditAlphabet[(31 - (sum % 31)) % 31];
}

// --- the API

let token = "";
async function ask(method, path, body) {
  for (;;) {
    const headers = { "content-type": "application/json", "idempotency-key": randomBytes(16).toString("hex") };
    if (token) headers.authorization = `Bearer ${token}`;
    const response = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
    if (response.status === 429 || response.status === 503) {
      const seconds = Number(response.headers.get("retry-after") ?? 1);
      await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      continue;
    }
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }
}

/** Runs `work` on each item, `parallel` at a time. */
async function each(items, work) {
  const queue = [...items];
  await Promise.all(Array.from({ length: parallel }, async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  }));
}

// --- what is made, all drawn before the first request so that answers do not change it

const person = () => pick(surnames) + pick(given);
const mobile = () => `1${pick(["38", "39", "86", "77"])}${digits(8)}`;
const daysAgo = (days) => new Date(Date.now() - days * 86_400_000 - below(36_000_000)).toISOString();

function company(number) {
  const [province, city, district, area, street] = pick(cities);
  if (number % 20 === 7) {
    const name = foreign[Math.floor(number / 20) % foreign.length];
    return { name, kind: "company", stage: pick(["prospect", "active"]), industry: "International trade", source: "Website", website: `https://www${number}.example.com`, emails: [{ kind: "work", address: `office${number}@example.com` }], employees: 20 + below(900) };
  }
  const [trade, industry] = pick(trades);
  return {
    name: `${city.replace("市", "")}${pick(firsts)}${pick(seconds)}${trade}有限公司`,
    kind: "company", stage: pick(["prospect", "prospect", "active", "active", "active", "dormant", "lost"]),
    industry, source: pick(sources), employees: 10 + below(3000), creditCode: creditCode(area),
    phones: [{ kind: "work", number: mobile() }], emails: [{ kind: "work", address: `contact${number}@example.com` }],
    addresses: [{ kind: "work", country: "中国", province, city, district, street: `${street} ${1 + below(400)} 号` }],
  };
}

function activity() {
  const kind = pick(Object.keys(subjects));
  const made = { kind, subject: pick(subjects[kind]), occurTime: daysAgo(below(120)) };
  if (kind === "task") Object.assign(made, { dueTime: daysAgo(below(30) - 20), done: random() < 0.4 });
  return made;
}

const plan = Array.from({ length: customerCount }, (_, number) => ({
  customer: company(number),
  owner: below(6),
  contacts: Array.from({ length: 1 + below(3) }, () => ({ name: person(), jobTitle: pick(titles), phones: [{ kind: "mobile", number: mobile() }] })),
  activities: Array.from({ length: 1 + below(5) }, activity),
}));

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

async function main() {
  await signIn();
  const known = await ask("GET", `/api/v1/teams?q=${encodeURIComponent(teams[0].name)}`);
  if (known.data.length > 0) return console.log("The demonstration data is there already.");

  const users = [];
  const demoPassword = randomBytes(9).toString("base64url");
  for (const { name, members } of teams) {
    const team = await ask("POST", "/api/v1/teams", { name });
    for (const member of members) {
      const user = await ask("POST", "/api/v1/users", { name: member, email: `demo${users.length + 1}@example.com`, teamId: team.id, locale: /^[A-Z]/.test(member) ? "en" : "zh-CN" });
      await ask("POST", `/api/v1/users/${user.id}:setPassword`, { password: demoPassword });
      users.push({ ...user, teamId: team.id });
    }
  }
  const counts = { contacts: 0, activities: 0 };
  await each(plan, async ({ customer, owner, contacts, activities }) => {
    const { id: ownerId, teamId } = users[owner];
    const made = await ask("POST", "/api/v1/customers", { ...customer, ownerId, teamId });
    for (const contact of contacts) await ask("POST", "/api/v1/contacts", { ...contact, customerId: made.id, ownerId, teamId });
    for (const done of activities) await ask("POST", "/api/v1/activities", { ...done, customerId: made.id, ownerId, teamId });
    counts.contacts += contacts.length;
    counts.activities += activities.length;
  });
  console.log(`${customerCount} customers, ${counts.contacts} contacts, ${counts.activities} activities, ${users.length} users in ${teams.length} teams.`);
  console.log(`Sign in as demo1@example.com … demo${users.length}@example.com with the password ${demoPassword}`);
}

main().catch((error) => {
  console.error(`guanxi demo: ${error.message}`);
  process.exit(1);
});
