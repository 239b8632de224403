// sse.mjs API TOKEN N: edits a record N times, one after the other, and tells how long each took from its reply, which is sent when it
// is committed, to its event at a client of SSE. Prints a row of the table.
const [api, token, count] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const headers = { authorization: `Bearer ${token}` };
const created = await (await fetch(`${api}/customers`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: '{"name":"SSE"}' })).json();
const stream = await fetch(`${api}/events?from=latest&types=guanxi.customer.customer.*&subjects=customers/${created.id}`, { headers });
const arrived = new Map();
let waiting = null;
(async () => {
	let text = '';
	for await (const chunk of stream.body) {
		text += Buffer.from(chunk).toString();
		for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
			const data = /^data: (.*)$/m.exec(text.slice(0, end));
			if (!data) continue;
			arrived.set(JSON.parse(data[1]).data?.version, performance.now());
			waiting?.();
		}
	}
})().catch(() => {});
const times = [];
for (let i = 0; i < count; i++) {
	const sent = performance.now();
	const reply = await fetch(`${api}/customers/${created.id}`, { method: 'PATCH', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify({ description: `${i}` }) });
	const { version } = await reply.json();
	while (!arrived.has(version)) await new Promise(resolve => (waiting = resolve));
	times.push(arrived.get(version) - sent);
}
times.sort((a, b) => a - b);
const at = p => times[Math.min(times.length - 1, Math.floor(times.length * p))].toFixed(1);
console.log(`request sent to its event at an SSE client|p50 ${at(.5)}, p95 ${at(.95)}, p99 ${at(.99)} ms|p99 ≤ 50 ms|${count} edits, one after the other; includes the edit itself`);
process.exit(0);
