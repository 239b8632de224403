// sse_many.mjs API TOKEN SECONDS: 1,000 clients of SSE, ten for each of 100 members who each see their own customers alone, while
// 1,000 edits a second are made, ten a request, spread over all: each client is sent 1 % of them, 10,000 deliveries a second in all. Tells how long
// each took from the sending of its edit to its event at the client, whether any was missed, and whether any came that should not.
// Prints a row of the table.
import { Agent, request } from 'node:http';
const [api, token, seconds] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const [MEMBERS, CLIENTS_EACH, RECORDS_EACH, RATE, BATCH, TURN_MS] = [100, 10, 10, 1000, 10, 5];
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const streams = new Agent({ maxSockets: Infinity });

const ask = (method, path, body) =>
	new Promise((resolve, reject) => {
		const text = body === undefined ? undefined : JSON.stringify(body);
		const sent = request(`${api}${path}`, { method, agent, headers: { authorization: `Bearer ${token}`, ...(text && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }) } }, (reply) => {
			let answer = '';
			reply.setEncoding('utf8').on('data', (part) => (answer += part));
			reply.on('end', () => (reply.statusCode < 300 ? resolve(answer && JSON.parse(answer)) : reject(new Error(`${path}: ${reply.statusCode} ${answer}`))));
		});
		sent.on('error', reject).end(text);
	});

const members = [];
for (let i = 0; i < MEMBERS; i++) {
	const stamp = `${Date.now()}-${i}`;
	const { id } = await ask('POST', '/users', { name: `SSE ${i}`, email: `sse-${stamp}@example.com`, role: 'member' });
	const { secret } = await ask('POST', '/apiKeys', { name: 'SSE', scopes: ['customers:read'], expireTime: new Date(Date.now() + 3600_000).toISOString(), ownerId: id });
	const records = [];
	for (let k = 0; k < RECORDS_EACH; k++) records.push((await ask('POST', '/customers', { name: `SSE ${i} ${k}`, ownerId: id })).id);
	members.push({ secret, records });
}

const times = [];
let delivered = 0, strange = 0, counting = false;
const ownerOf = new Map(members.flatMap((member) => member.records.map((id) => [`customers/${id}`, member])));

// Without JSON.parse: ten thousand a second are read by this one process, which is not what is measured.
const between = (text, before, after) => {
	const from = text.indexOf(before);
	return from < 0 ? undefined : text.slice(from + before.length, text.indexOf(after, from + before.length));
};

function take(member, block) {
	const subject = counting && between(block, '"subject":"', '"');
	if (!subject) return;
	delivered++;
	if (ownerOf.get(subject) !== member) strange++;
	const after = block.indexOf('"after":');
	times.push(performance.now() - Number(between(block.slice(after), '"description":"', '"')));
}

const open = (member) =>
	new Promise((resolve, reject) => {
		const sent = request(`${api}/events?from=latest&types=guanxi.customer.customer.*`, { agent: streams, headers: { authorization: `Bearer ${member.secret}` } }, (reply) => {
			if (reply.statusCode !== 200) return reject(new Error(`events: ${reply.statusCode}`));
			let text = '';
			reply.setEncoding('utf8').on('data', (part) => {
				text += part;
				for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) take(member, text.slice(0, end));
			});
			resolve(sent);
		});
		sent.on('error', reject).end();
	});
const opened = [];
for (const member of members) opened.push(...(await Promise.all(Array.from({ length: CLIENTS_EACH }, () => open(member)))));

const records = Array.from({ length: RECORDS_EACH }, (_, k) => members.map((member) => member.records[k])).flat();
counting = true;
const begun = performance.now();
const edits = [];
let asked = 0, made = 0, refused = 0, reason = '';
function count(results) {
	for (const { status, problem } of results)
		if (status === 200) made++;
		else (refused++, (reason = JSON.stringify(problem)));
}
while (performance.now() - begun < seconds * 1000) {
	const due = Math.floor(((performance.now() - begun) * RATE) / 1000);
	for (; asked + BATCH <= due; asked += BATCH) {
		const operations = Array.from({ length: BATCH }, (_, i) => ({ update: { id: records[(asked + i) % records.length], patch: { description: String(performance.now()) } } }));
		edits.push(ask('POST', '/customers:batch', { operations }).then(({ results }) => count(results), (error) => (reason = error.message)));
	}
	await new Promise((resolve) => setTimeout(resolve, TURN_MS));
}
await Promise.all(edits);
const took = (performance.now() - begun) / 1000;
for (const deadline = Date.now() + 30_000; delivered < made * CLIENTS_EACH && Date.now() < deadline; ) await new Promise((resolve) => setTimeout(resolve, 20));
times.sort((a, b) => a - b);
const at = (p) => times[Math.min(times.length - 1, Math.floor(times.length * p))]?.toFixed(0);
console.log(
	`events to ${opened.length} SSE clients with ${MEMBERS} different rights, one gateway|p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)} ms; ${(delivered / took).toFixed(0)} deliveries/s|p99 ≤ 1000 ms at 10,000/s|${(made / took).toFixed(0)} edits/s for ${seconds} s, refused ${refused}, missed ${made * CLIENTS_EACH - delivered}, of others ${strange}; includes the edit itself`,
);
if (reason) console.error(reason);
for (const one of opened) one.destroy();
process.exit(0);
