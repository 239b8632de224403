#!/bin/sh
# rows.sh N [CATEGORY…]: a CSV of N customers with Chinese and English names, the same for the same N and categories (ids). Of ten rows four
# have no category, four have one, two have two or three; the first of them are the most frequent.
n=$1
shift
exec awk -v n="$n" -v categories="$*" '
# Apart from any(): the names are the same with categories and without.
function some(k) { place = (place * 69069 + 1) % 4294967296; return int(place / 65536) % k }
function few(  list, many, i) {
	many = some(10)
	many = many < 4 ? 0 : many < 8 ? 1 : many < 9 ? 2 : 3
	for (i = 0; kinds && i < many; i++) list = list (i ? ";" : "") kind_of[1 + int(kinds * (some(1000) / 1000) ^ 2)]
	return list
}
function any(k) { seed = (seed * 1103515245 + 12345) % 2147483648; return int(seed / 65536) % k }
BEGIN {
	seed = place = 42
	kinds = split(categories, kind_of, " ")
	split("北京 上海 深圳 广州 杭州 长沙 重庆 武汉 成都 南京 西安 苏州", city, " ")
	split("华信 天成 瑞丰 金辉 宏远 博雅 恒通 中科 安泰 远大 东方 卓越 信达 立德 思源 佳和 盛世 海蓝 云帆 明德", word, " ")
	split("科技 贸易 糖业 酒业 投资 物流 咨询 文化 医药 食品", trade, " ")
	split("Acme Blue North Silver Golden Pacific Global Summit River Stone Bright Harbor Prime Vertex Nova", first, " ")
	split("Trading Foods Wines Capital Logistics Systems Media Health Sugar Partners", second, " ")
	split("王 李 张 刘 陈 杨 赵 黄 周 吴 徐 孙 胡 朱 高 林 何 郭 马 罗 曾 单 解", surname, " ")
	split("伟 芳 娜 敏 静 丽 强 磊 军 洋 勇 艳 杰 娟 涛 明 超 秀 霞 平 刚 桂 英", given, " ")
	split("prospect active dormant lost", stage, " ")
	print "name,kind,phones,emails,industry,stage,employees" (kinds ? ",handCategoryIds" : "")
	print "张三有限公司,company,13800138000,zhangsan@example.com,贸易,active,12" (kinds ? "," : "")
	for (i = 1; i < n; i++) {
		k = any(10)
		if (k < 6) { name = city[1 + any(12)] word[1 + any(20)] (any(2) ? word[1 + any(20)] : "") trade[1 + any(10)] "有限公司"; kind = "company" }
		else if (k < 8) { name = first[1 + any(15)] " " second[1 + any(10)] " " i " Ltd"; kind = "company" }
		else { name = surname[1 + any(23)] given[1 + any(23)] (any(2) ? given[1 + any(23)] : ""); kind = "person" }
		printf "%s,%s,13%09d,c%d@%s.example.com,%s,%s,%d%s\n", name, kind, i, i, tolower(first[1 + any(15)]), trade[1 + any(10)], stage[1 + any(4)], any(5000), kinds ? "," few() : ""
	}
}'
