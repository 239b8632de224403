// What is invented: a trading house for sugar, spirits and wine that also arranges the finance of projects, the companies that it
// deals with, and how these hang together. Mail addresses end in example.com; numbers are drawn.

// The sales organisation: teams within one, each with its people.
export const root = "曾氏糖酒与项目金融";
export const teams = [
  { name: "糖酒事业部", members: ["王丽华", "陈志强", "李晓明"] },
  { name: "项目融资部", members: ["黄海燕", "周文博"] },
  { name: "International", members: ["Emma Fischer", "Daniel Okafor"] },
];
export const cities = [
  ["四川省", "成都市", "武侯区", "510107", "天府大道"], ["四川省", "宜宾市", "翠屏区", "511502", "酒都路"], ["贵州省", "遵义市", "仁怀市", "520382", "国酒大道"],
  ["广西壮族自治区", "南宁市", "青秀区", "450103", "民族大道"], ["广西壮族自治区", "崇左市", "江州区", "451402", "友谊大道"], ["云南省", "昆明市", "官渡区", "530111", "彩云北路"],
  ["广东省", "湛江市", "霞山区", "440803", "人民大道"], ["上海市", "上海市", "浦东新区", "310115", "世纪大道"], ["湖南省", "长沙市", "岳麓区", "430104", "麓山南路"],
  ["山东省", "济南市", "历下区", "370102", "经十路"], ["河南省", "郑州市", "金水区", "410105", "花园路"], ["北京市", "北京市", "西城区", "110102", "金融大街"],
];
export const words = { first: ["恒", "瑞", "鼎", "盛", "远", "嘉", "泰", "宏", "金", "云", "蜀", "桂", "黔", "川", "醇", "禾"], second: ["达", "源", "丰", "隆", "泉", "香", "裕", "禧", "顺", "成", "和", "康", "泰", "兴", "旺", "福"] };

// What a company is decides its name, what is talked about with it, and who there does the talking.
export const trades = [
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
  { industry: "物流", ends: ["物流有限公司", "供应链管理有限公司"], weight: 1, titles: ["运营总监", "调度经理"], employees: [40, 600],
    talk: ["散糖专列车皮计划与到站仓容", "监管仓盘点与仓单更新", "冷链酒柜温度记录抽查", "双十一前的加班运力"] },
  { industry: "包装", ends: ["包装制品有限公司", "玻璃制品有限公司"], weight: 1, titles: ["生产厂长", "销售经理"], employees: [60, 900],
    talk: ["500 ml 异形瓶开模进度", "礼盒打样与印刷色差", "瓶盖防伪码对接"] },
  { industry: "工程", ends: ["工程建设有限公司"], weight: 1, titles: ["项目经理", "商务经理"], employees: [200, 3000],
    talk: ["锅炉岛里程碑付款申请", "汽轮机到货验收", "竣工试验大纲与违约金上限"] },
  { industry: "法律服务", ends: ["律师事务所"], weight: 1, titles: ["合伙人", "资深律师"], employees: [20, 400],
    talk: ["贷款人律师法律意见书初稿", "担保文件签署顺序与交割清单", "股权质押登记材料补正"] },
];
export const foreign = [
  ["Highland Cask Distillers Ltd", "Distilling", ["Head of Export", "Regional Manager"], ["Allocation of aged casks for the Chengdu fair", "Label approval and customs codes", "Sample shipment: feedback on the 43% blend"]],
  ["Usina Boa Vista S.A.", "Sugar mill", ["Commercial Director", "Logistics Manager"], ["VHP sugar: polarisation and laycan for June", "Letter of credit wording", "Demurrage claim on the May vessel"]],
  ["Meridian Infrastructure Sponsors LLP", "Project sponsor", ["Partner", "Investment Director"], ["Equity bridge and sponsor support deed", "Base case model: tariff sensitivity", "Completion guarantee release test"]],
  ["Northgate Development Bank", "Lending", ["Senior Banker", "Portfolio Manager"], ["Intercreditor terms: voting thresholds", "Environmental action plan before first drawdown", "Waiver request: late EPC milestone"]],
  ["Calloway Finch LLP", "Lenders' counsel", ["Partner", "Associate"], ["Conditions precedent checklist, second turn", "Direct agreement with the offtaker", "Security trustee comments"]],
  ["Domaine de la Côte Blanche", "Wine estate", ["Export Manager"], ["2023 vintage en primeur allocation", "Tasting list for the spring fair", "Pallet configuration and temperature logs"]],
];
export const sources = ["春季糖酒会", "秋季糖酒会", "转介绍", "官网", "银团推介", "电话"];
export const surnames = ["曾", "单", "解", "仇", "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "覃", "韦"];
export const given = ["伟", "芳", "敏", "静", "志强", "海燕", "晓东", "雪梅", "建国", "丽娟", "子涵", "宇航", "文博", "思远"];
export const english = ["Olivia Grant", "Marcus Lindqvist", "Priya Raman", "Tom Ashworth", "Isabel Duarte", "Henri Laurent", "Grace Mwangi", "Peter Novak"];
export const outcomes = ["客户认可方案，约下周复核细节。", "价格仍有分歧，待内部审批后回复。", "已发送材料，对方三日内反馈。", "对方人员调整，改由新负责人对接。", "达成一致，进入合同流程。"];
export const foreignOutcomes = ["Agreed in principle; we send the draft by Friday.", "They need board approval first.", "No objection; minutes circulated.", "Postponed until the model is updated."];

// Those that everything hangs on. `of` is a trade's name in `trades` or a row's in `foreign`; owner counts through the teams' members.
export const core = [
  { key: "sugar-group", name: "崇左恒丰糖业集团有限公司", of: "制糖", stage: "active", city: 4, employees: 2360, owner: 0, roles: ["producer", "supplier"], tags: ["一级白砂糖", "年度框架", "仓单质押"], strategic: true, website: "https://hengfeng-sugar.example.com", description: "四家糖厂，本榨季压榨甘蔗约 260 万吨；蔗渣热电项目由桂西新能源实施。" },
  { key: "sugar-fusui", name: "扶绥恒丰制糖有限公司", of: "制糖", stage: "active", city: 4, employees: 540, owner: 0, parent: "sugar-group", roles: ["producer"], tags: ["一级白砂糖"] },
  { key: "sugar-yunnan", name: "昆明金禾制糖有限公司", of: "制糖", stage: "prospect", city: 5, employees: 780, owner: 2, roles: ["producer"], tags: ["红糖", "一级白砂糖"] },
  { key: "usina", of: "Usina Boa Vista S.A.", stage: "active", employees: 1900, owner: 5, roles: ["producer", "supplier"], tags: ["VHP", "CFR"], strategic: true },
  { key: "distillery", name: "仁怀黔醇酒业有限公司", of: "白酒酿造", stage: "active", city: 2, employees: 1280, owner: 1, roles: ["producer", "supplier"], tags: ["酱香", "年度框架"], strategic: true, website: "https://qianchun.example.com" },
  { key: "yibin", name: "宜宾川泉酒厂有限公司", of: "白酒酿造", stage: "active", city: 1, employees: 860, owner: 1, roles: ["producer"], tags: ["浓香"] },
  { key: "estate", of: "Domaine de la Côte Blanche", stage: "active", employees: 42, owner: 6, roles: ["producer", "supplier"], tags: ["Burgundy", "En primeur"] },
  { key: "cask", of: "Highland Cask Distillers Ltd", stage: "prospect", employees: 96, owner: 6, roles: ["producer"], tags: ["Single malt"] },
  { key: "chengdu", name: "成都蜀香商贸有限公司", of: "酒类经销", stage: "active", city: 0, employees: 85, owner: 1, roles: ["distributor"], tags: ["酱香", "川渝渠道"], strategic: true, phone: "+862885551280" },
  { key: "zhengzhou", name: "郑州宏泰酒类销售有限公司", of: "酒类经销", stage: "active", city: 10, employees: 46, owner: 2, roles: ["distributor"], tags: ["中原渠道"] },
  { key: "retail", name: "长沙曾记百货连锁有限公司", of: "连锁商超", stage: "active", city: 8, employees: 4200, owner: 2, roles: ["endCustomer"], tags: ["自有品牌", "中秋档期"], strategic: true },
  { key: "carrier", name: "南宁桂运物流有限公司", of: "物流", stage: "active", city: 3, employees: 310, owner: 0, roles: ["carrier", "service"], tags: ["散糖专列", "监管仓"] },
  { key: "glass", name: "宜宾瑞成玻璃制品有限公司", of: "包装", stage: "active", city: 1, employees: 420, owner: 2, roles: ["supplier"], tags: ["酒瓶"] },
  { key: "fair", name: "成都嘉和会展服务有限公司", of: "会展服务", stage: "active", city: 0, employees: 60, owner: 2, roles: ["service"], tags: ["春季糖酒会"] },
  { key: "spv", name: "桂西新能源项目有限公司", of: "项目公司（SPV）", stage: "active", city: 3, employees: 38, owner: 3, roles: ["endCustomer"], tags: ["蔗渣热电", "DSCR", "EPC"], strategic: true, description: "2×50 MW 蔗渣热电联产，总投资 7.4 亿元，银团贷款 5.2 亿元，期限 15 年。" },
  { key: "bank", name: "南宁西江银行股份有限公司分行", of: "银行", stage: "active", city: 3, employees: 1460, owner: 3, roles: ["funder"], tags: ["银团", "牵头行"] },
  { key: "devbank", of: "Northgate Development Bank", stage: "active", employees: 880, owner: 5, roles: ["funder"], tags: ["Syndicate"] },
  { key: "sponsor", of: "Meridian Infrastructure Sponsors LLP", stage: "active", employees: 55, owner: 5, roles: ["funder"], tags: ["Equity"] },
  { key: "counsel", of: "Calloway Finch LLP", stage: "active", employees: 240, owner: 5, roles: ["service"], tags: ["Lenders' counsel"] },
  { key: "lawyers", name: "北京衡信律师事务所", of: "法律服务", stage: "active", city: 11, employees: 130, owner: 4, roles: ["service"], tags: ["贷款人律师"] },
  { key: "builder", name: "济南中岳工程建设有限公司", of: "工程", stage: "active", city: 9, employees: 2900, owner: 4, roles: ["supplier"], tags: ["EPC"] },
];

// "from is … of to": kinds of RelationshipKind.
export const links = [
  ["sugar-group", "supplier", "distillery", "糖蜜与白砂糖，年度框架 6,000 吨"], ["sugar-group", "supplier", "retail", "自有品牌小包装白砂糖"],
  ["sugar-fusui", "supplier", "chengdu", "礼盒用单晶冰糖"], ["usina", "supplier", "sugar-group", "VHP 原糖，榨季外补库"], ["sugar-yunnan", "competitor", "sugar-group", "同在西南市场竞价"],
  ["glass", "supplier", "distillery", "500 ml 异形瓶"], ["glass", "supplier", "yibin", "标准瓶"], ["carrier", "supplier", "sugar-group", "散糖专列与监管仓"], ["carrier", "partner", "bank", "仓单质押监管"],
  ["chengdu", "distributor", "distillery", "川渝总经销"], ["zhengzhou", "distributor", "yibin", "河南省代"], ["chengdu", "distributor", "estate", "独家代理至 2027 年"], ["cask", "partner", "zhengzhou", "桶强系列试销"],
  ["chengdu", "supplier", "retail", "商超渠道供货"], ["zhengzhou", "supplier", "retail", "湖南门店"], ["fair", "partner", "chengdu", "春季糖酒会联合展位"], ["distillery", "competitor", "yibin", "香型不同，渠道重叠"],
  ["sugar-group", "shareholder", "spv", "持股 20%，提供蔗渣燃料"], ["sponsor", "shareholder", "spv", "持股 80%"], ["bank", "partner", "spv", "牵头行，3.1 亿元"], ["devbank", "partner", "spv", "B 组贷款 2.1 亿元等值"],
  ["bank", "partner", "devbank", "同一银团"], ["counsel", "adviser", "devbank", "Lenders' counsel, English law"], ["lawyers", "adviser", "bank", "贷款人律师，中国法"], ["builder", "supplier", "spv", "EPC 总承包，固定总价"], ["bank", "partner", "sugar-group", "仓单质押授信 1.8 亿元"],
];

// What people write beside the names of a trade's companies, and which team deals with them (the first where none is named).
export const trade = {
  白酒酿造: { tags: ["酱香", "浓香", "清香", "年份酒", "OEM"] }, 制糖: { tags: ["一级白砂糖", "红糖", "仓单质押", "期货套保"] }, 酒类经销: { tags: ["县级渠道", "团购", "电商", "账期 45 天"] },
  连锁商超: { tags: ["自有品牌", "中秋档期", "散称"] }, 会展服务: { tags: ["春季糖酒会", "秋季糖酒会"] }, 物流: { tags: ["监管仓", "冷链"] }, 包装: { tags: ["酒瓶", "礼盒"] },
  "项目公司（SPV）": { tags: ["EPC", "DSCR", "提款期", "运营期"], team: 1 }, 银行: { tags: ["银团", "代理行", "授信"], team: 1 }, 法律服务: { tags: ["贷款人律师", "借款人律师"], team: 1 }, 工程: { tags: ["EPC", "里程碑付款"], team: 1 },
};

// People with a name in the story; `also` are roles at other companies than their own.
export const people = [
  { at: "sugar-group", name: "韦建国", jobTitle: "董事长", also: [["shareholder", "sugar-fusui"], ["decisionMaker", "spv"]] }, { at: "sugar-group", name: "覃海燕", jobTitle: "供销总监", under: "韦建国" }, { at: "sugar-group", name: "黄敏", jobTitle: "财务总监", under: "韦建国", also: [["influencer", "bank"]] },
  { at: "distillery", name: "仇伟", jobTitle: "总经理" }, { at: "distillery", name: "单雪梅", jobTitle: "采购经理", under: "仇伟" }, { at: "chengdu", name: "曾志强", jobTitle: "总经理", also: [["shareholder", "retail"], ["adviser", "fair"]] }, { at: "chengdu", name: "解静", jobTitle: "渠道经理", under: "曾志强" },
  { at: "retail", name: "曾丽娟", jobTitle: "食品部采购总监", family: "曾志强" }, { at: "spv", name: "周文远", jobTitle: "项目总经理" }, { at: "spv", name: "吴晓东", jobTitle: "财务总监", under: "周文远" }, { at: "bank", name: "刘芳", jobTitle: "公司业务部总经理", also: [["decisionMaker", "spv"]] },
  { at: "sponsor", name: "Olivia Grant", jobTitle: "Partner", also: [["decisionMaker", "spv"]] }, { at: "devbank", name: "Peter Novak", jobTitle: "Senior Banker", also: [["influencer", "spv"]] }, { at: "counsel", name: "Priya Raman", jobTitle: "Partner", also: [["adviser", "spv"]] },
  { at: "usina", name: "Isabel Duarte", jobTitle: "Commercial Director" }, { at: "estate", name: "Henri Laurent", jobTitle: "Export Manager" }, { at: "builder", name: "杨宇航", jobTitle: "项目经理", also: [["user", "spv"]] },
];

// What somebody typed a second time: for the queue of duplicates.
export const again = [
  { like: "chengdu", name: "成都蜀香商贸有限责任公司", stage: "prospect", source: "春季糖酒会", owner: 2 },
  { like: "retail", name: "长沙 曾记百货连锁有限公司", stage: "prospect", source: "官网", owner: 1 },
  { like: "usina", name: "Usina Boa Vista", stage: "prospect", source: "Website", owner: 6 },
  { like: "spv", name: "桂西新能源（SPV）", stage: "prospect", source: "银团推介", owner: 4 },
];

const finance = ["项目公司（SPV）", "银行", "法律服务", "工程", "Project sponsor", "Lending", "Lenders' counsel"];
export const anyOf = (field, values) => `filter[${field}][in]=${values.map(encodeURIComponent).join(",")}`;

export const categories = [
  { name: "战略客户", englishName: "Strategic", colour: "red", description: "由管理层指定，季度互访" },
  { name: "大型企业", englishName: "Large", colour: "gold", rule: "filter[employees][gte]=1000" },
  { name: "展会线索", englishName: "Trade-fair leads", colour: "blue", rule: `${anyOf("source", ["春季糖酒会", "秋季糖酒会", "Trade fair"])}&filter[stage][eq]=prospect` },
  { name: "项目金融", englishName: "Project finance", colour: "green", rule: anyOf("industry", finance) },
  { name: "待唤醒", englishName: "To wake", colour: "default", rule: "filter[stage][eq]=dormant" },
];

const policy = (weights, must = []) => Object.entries(weights).map(([field, weight]) => ({ field, weight, ...(must.includes(field) ? { must: true } : {}) }));
export const policies = [
  { name: "潜在客户", stage: "prospect", action: "warn", fields: policy({ phones: 3, source: 2, industry: 2, emails: 1 }) },
  { name: "活跃客户", stage: "active", action: "warn", fields: policy({ phones: 3, creditCode: 3, invoices: 3, addresses: 2, industry: 1, employees: 1, website: 1 }, ["phones"]) },
];

// Lists that everybody there looks at.
export const views = [
  { name: "活跃客户", query: "filter[stage][eq]=active&sort=-createTime", columns: ["name", "categoryIds", "industry", "phones", "ownerId", "completeness"] },
  { name: "酒厂与糖厂", query: anyOf("industry", ["白酒酿造", "制糖"]), columns: ["name", "stage", "tags", "employees", "ownerId"] },
  { name: "项目融资", query: anyOf("industry", finance), columns: ["name", "industry", "stage", "tags", "ownerId"] },
  { name: "资料不完整", query: "filter[completeness][lt]=60&sort=completeness", columns: ["name", "completeness", "stage", "ownerId"] },
  { name: "Dormant, to wake", query: "filter[stage][eq]=dormant", columns: ["name", "industry", "ownerId", "createTime"] },
];
export const activityViews = [
  { name: "待办任务", query: "filter[kind][eq]=task&filter[done][ne]=true&sort=dueTime", columns: ["subject", "dueTime", "customerId", "ownerId"] },
];
