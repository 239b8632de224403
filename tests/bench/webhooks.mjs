// webhooks.mjs API TOKEN N: edits made as fast as they go while a webhook is paused, then delivered to an endpoint on loopback that
// answers 204: how many a second, in each order. Prints rows of the table. Needs GUANXI_WEBHOOK_ALLOW=127.0.0.0/8.
import { createServer } from 'node:http';
const [api, token, count] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
const ask = async (method, path, body) => {
	const reply = await fetch(`${api}${path}`, { method, headers, body: JSON.stringify(body ?? {}) });
	if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
	return reply.json();
};
const taken = new Map(); // webhook → times
const server = createServer((request, response) => {
	request.resume();
	request.on('end', () => {
		taken.get(request.url)?.push(performance.now());
		response.writeHead(204).end();
	});
});
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
const webhooks = [];
for (const order of ['record', 'parallel']) {
	const path = `/${order}`;
	taken.set(path, []);
	webhooks.push({ order, path, ...(await ask('POST', '/webhooks', { name: `bench ${order}`, url: `http://127.0.0.1:${server.address().port}${path}`, types: ['guanxi.customer.customer.created.v1'], order })) });
}
for (const webhook of webhooks) await ask('POST', `/webhooks/${webhook.id}:pause`);
for (let made = 0; made < count; made += 50)
	await Promise.all(Array.from({ length: 50 }, (_, i) => ask('POST', '/customers', { name: `Webhook ${made + i}` })));
for (const { order, path, id } of webhooks) {
	await ask('POST', `/webhooks/${id}:resume`);
	const deadline = Date.now() + 120_000;
	while (taken.get(path).length < count && Date.now() < deadline) await new Promise(resolve => setTimeout(resolve, 20));
	const times = taken.get(path);
	const rate = (times.length / (times.at(-1) - times[0])) * 1000;
	console.log(`webhook deliveries, ${order === 'record' ? 'in order for each record' : 'in parallel'}|${rate.toFixed(0)}/s|≥ 1,000|${times.length} events to one endpoint on loopback, read from the log as a webhook that was paused`);
}
for (const { id } of webhooks) await fetch(`${api}/webhooks/${id}`, { method: 'DELETE', headers });
process.exit(0);
