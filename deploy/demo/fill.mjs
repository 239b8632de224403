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
  { name: "糖酒事业部", members: ["王丽华", "陈志强", "李晓明"] },
  { name: "项目融资部", members: ["黄海燕", "周文博"] },
  { name: "International", members: ["Emma Fischer", "Daniel Okafor"] },
];
const cities = [
  ["四川省", "成都市", "武侯区", "510107", "天府大道"], ["四川省", "宜宾市", "翠屏区", "511502", "酒都路"], ["贵州省", "遵义市", "仁怀市", "520382", "国酒大道"],
  ["广西壮族自治区", "南宁市", "青秀区", "450103", "民族大道"], ["广西壮族自治区", "崇左市", "江州区", "451402", "友谊大道"], ["云南省", "昆明市", "官渡区", "530111", "彩云北路"],
  ["广东省", "湛江市", "霞山区", "440803", "人民大道"], ["上海市", "上海市", "浦东新区", "310115", "世纪大道"], ["湖南省", "长沙市", "岳麓区", "430104", "麓山南路"],
  ["山东省", "济南市", "历下区", "370102", "经十路"], ["河南省", "郑州市", "金水区", "410105", "花园路"], ["北京市", "北京市", "西城区", "110102", "金融大街"],
];
const words = { first: ["恒", "瑞", "鼎", "盛", "远", "嘉", "泰", "宏", "金", "云", "蜀", "桂", "黔", "川", "醇", "禾"], second: ["达", "源", "丰", "隆", "泉", "香", "裕", "禧", "顺", "成", "和", "康", "泰", "兴", "旺", "福"] };

// What a company is decides its name, what is talked about with it, and who there does the talking.
const trades = [
  { industry: "白酒酿造", ends: ["酒业有限公司", "酒厂有限公司"], weight: 5, titles: ["销售总监", "市场部经理", "大区经理", "品牌经理"], employees: [80, 3000],
    talk: ["春季糖酒会展位与新品发布安排", "53 度酱香系列年度经销政策", "中秋礼盒定制数量与包装样稿", "核对一季度返利与促销费用", "新品试饮会反馈，客户偏好 500ml 装"] },
  { industry: "制糖", ends: ["糖业有限公司", "制糖集团有限公司"], weight: 4, titles: ["榨季生产厂长", "供销科长", "总经理", "质检主管"], employees: [150, 2500],
    talk: ["本榨季一级白砂糖报价与交货期", "甘蔗收购价上调，协商价格联动条款", "核对 2,000 吨白砂糖提货计划", "糖蜜与蔗渣副产品合作意向", "仓单质押额度与回购安排"] },
  { industry: "酒类经销", ends: ["商贸有限公司", "酒类销售有限公司"], weight: 5, titles: ["总经理", "采购经理", "渠道经理", "财务主管"], employees: [8, 120],
    talk: ["盘点库存，动销放缓，商定补货节奏", "县级分销网络与终端陈列检查", "账期由 30 天调整为 45 天的申请", "窜货投诉处理结果反馈", "年会用酒团购方案"] },
  { industry: "连锁商超", ends: ["超市连锁有限公司", "百货有限公司"], weight: 3, titles: ["食品部采购", "品类经理", "门店店长", "供应链经理"], employees: [200, 5000],
    talk: ["中秋国庆档期堆头与海报费用", "新条码进场与试销门店名单", "白砂糖自有品牌代工询价", "缺货率与到货及时率复盘", "端午促销返点结算"] },
  { industry: "会展服务", ends: ["会展服务有限公司"], weight: 1, titles: ["项目经理", "招商总监"], employees: [15, 150],
    talk: ["秋季糖酒会特装展位图纸确认", "论坛嘉宾与品鉴会流程", "展后观众数据移交"] },
  { industry: "项目公司（SPV）", ends: ["新能源项目有限公司", "高速公路项目有限公司", "水务项目有限公司"], weight: 3, titles: ["项目总经理", "财务总监", "合同部经理"], employees: [5, 60],
    talk: ["银团贷款先决条件清单逐条过会", "提款申请与工程进度证明核对", "DSCR 回落至 1.18，商讨补足机制", "EPC 合同变更与监理意见", "保险续保与权益转让登记"] },
  { industry: "银行", ends: ["银行股份有限公司分行"], weight: 2, titles: ["公司业务部总经理", "项目融资经理", "风险审批官"], employees: [300, 4000],
    talk: ["牵头行条款清单（term sheet）谈判", "授信审批进度与补充材料", "账户监管协议与还款准备金安排", "利率互换报价与对冲比例", "代理行年度合规报告"] },
  { industry: "法律服务", ends: ["律师事务所"], weight: 1, titles: ["合伙人", "资深律师"], employees: [20, 400],
    talk: ["贷款人律师法律意见书初稿", "担保文件签署顺序与交割清单", "股权质押登记材料补正"] },
];
const foreign = [
  ["Highland Cask Distillers Ltd", "Distilling", ["Head of Export", "Regional Manager"], ["Allocation of aged casks for the Chengdu fair", "Label approval and customs codes", "Sample shipment: feedback on the 43% blend"]],
  ["Usina Boa Vista S.A.", "Sugar mill", ["Commercial Director", "Logistics Manager"], ["VHP sugar: polarisation and laycan for June", "Letter of credit wording", "Demurrage claim on the May vessel"]],
  ["Meridian Infrastructure Sponsors LLP", "Project sponsor", ["Partner", "Investment Director"], ["Equity bridge and sponsor support deed", "Base case model: tariff sensitivity", "Completion guarantee release test"]],
  ["Northgate Development Bank", "Lending", ["Senior Banker", "Portfolio Manager"], ["Intercreditor terms: voting thresholds", "Environmental action plan before first drawdown", "Waiver request: late EPC milestone"]],
  ["Calloway Finch LLP", "Lenders' counsel", ["Partner", "Associate"], ["Conditions precedent checklist, second turn", "Direct agreement with the offtaker", "Security trustee comments"]],
  ["Domaine de la Côte Blanche", "Wine estate", ["Export Manager"], ["2023 vintage en primeur allocation", "Tasting list for the spring fair", "Pallet configuration and temperature logs"]],
];
const sources = ["春季糖酒会", "秋季糖酒会", "转介绍", "官网", "银团推介", "电话"];
const surnames = ["曾", "单", "解", "仇", "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "覃", "韦"];
const given = ["伟", "芳", "敏", "静", "志强", "海燕", "晓东", "雪梅", "建国", "丽娟", "子涵", "宇航", "文博", "思远"];
const english = ["Olivia Grant", "Marcus Lindqvist", "Priya Raman", "Tom Ashworth", "Isabel Duarte", "Henri Laurent", "Grace Mwangi", "Peter Novak"];
const outcomes = ["客户认可方案，约下周复核细节。", "价格仍有分歧，待内部审批后回复。", "已发送材料，对方三日内反馈。", "对方人员调整，改由新负责人对接。", "达成一致，进入合同流程。"];
const foreignOutcomes = ["Agreed in principle; we send the draft by Friday.", "They need board approval first.", "No objection; minutes circulated.", "Postponed until the model is updated."];

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

const years = 2;
const between = ([low, high]) => low + below(high - low);
const trade = (() => {
  const weighted = trades.flatMap((one) => Array.from({ length: one.weight }, () => one));
  return () => pick(weighted);
})();

function foreignCompany(number, at) {
  const [name, industry, titles, talk] = foreign[at];
  const of = { titles, talk, outcomes: foreignOutcomes, person: () => pick(english) };
  return { of, customer: { name, kind: "company", stage: pick(["prospect", "active", "active"]), industry, source: pick(["Trade fair", "Referral", "Website"]), website: `https://www${number}.example.com`, emails: [{ kind: "work", address: `office${number}@example.com` }], employees: 20 + below(900) } };
}

function company(number) {
  if (number % 20 === 7) return foreignCompany(number, Math.floor(number / 20) % foreign.length);
  const [province, city, district, area, street] = pick(cities);
  const of = trade();
  const customer = {
    name: `${city.replace("市", "")}${pick(words.first)}${pick(words.second)}${pick(of.ends)}`,
    kind: "company", stage: pick(["prospect", "prospect", "active", "active", "active", "dormant", "lost"]),
    industry: of.industry, source: pick(sources), employees: between(of.employees), creditCode: creditCode(area),
    phones: [{ kind: "work", number: mobile() }], emails: [{ kind: "work", address: `contact${number}@example.com` }],
    addresses: [{ kind: "work", country: "中国", province, city, district, street: `${street} ${1 + below(400)} 号` }],
  };
  return { of: { ...of, outcomes, person }, customer };
}

// Two years of it; what lies ahead are tasks.
function activity(of) {
  const kind = pick(["call", "call", "mail", "meeting", "visit", "visit", "note", "task"]);
  const made = { kind, subject: pick(of.talk) };
  if (kind === "task") return { ...made, occurTime: daysAgo(below(20)), dueTime: daysAgo(below(30) - 20), done: random() < 0.4 };
  return { ...made, occurTime: daysAgo(below(365 * years)), ...(random() < 0.7 ? { outcome: pick(of.outcomes) } : {}) };
}

const plan = Array.from({ length: customerCount }, (_, number) => {
  const { of, customer } = company(number);
  return {
    customer,
    owner: below(7),
    contacts: Array.from({ length: 1 + below(3) }, () => ({ name: of.person(), jobTitle: pick(of.titles), phones: [{ kind: "mobile", number: mobile() }] })),
    activities: Array.from({ length: 2 + below(8) }, () => activity(of)),
  };
});

// Lists that everybody there looks at.
const views = [
  { name: "活跃客户", query: "filter[stage][eq]=active&sort=-createTime", columns: ["name", "industry", "phones", "ownerId", "createTime"] },
  { name: "酒厂与糖厂", query: `filter[industry][in]=${["白酒酿造", "制糖"].map(encodeURIComponent).join(",")}`, columns: ["name", "industry", "stage", "employees", "ownerId"] },
  { name: "项目融资", query: `filter[industry][in]=${["项目公司（SPV）", "银行", "法律服务", "Project sponsor", "Lending", "Lenders' counsel"].map(encodeURIComponent).join(",")}`, columns: ["name", "industry", "stage", "ownerId"] },
  { name: "Dormant, to wake", query: "filter[stage][eq]=dormant", columns: ["name", "industry", "ownerId", "createTime"] },
];

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
  for (const [position, view] of views.entries()) await ask("POST", "/api/v1/views", { ...view, collection: "customers", shared: "everyone", position: String(position) });
  console.log(`${customerCount} customers, ${counts.contacts} contacts, ${counts.activities} activities, ${users.length} users in ${teams.length} teams.`);
  console.log(`Sign in as demo1@example.com … demo${users.length}@example.com with the password ${demoPassword}`);
}

main().catch((error) => {
  console.error(`guanxi demo: ${error.message}`);
  process.exit(1);
});
