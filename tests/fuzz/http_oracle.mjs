/*
 * Holds our HTTP codec against Node's (llhttp, insecureHTTPParser off), which was written by others.
 *
 *	node tests/fuzz/http_oracle.mjs [cases = 20000] [seed = 1]
 *
 * Requests are mutated from seeds and given to both. Where we take a message, Node must have taken the same: method,
 * target, headers and body. Where we wait for more of a message, Node must not have a whole one. What we refuse and Node
 * takes is strictness: it is counted and its kinds are listed. Exit code 1 at the first difference of the other sort.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const services = join(here, '../../services');
const count = Number(process.argv[2] ?? 20000);
let randomState = Number(process.argv[3] ?? 1) >>> 0;

/* mulberry32: the same cases for the same seed. */
function random(below) {
	randomState = (randomState + 0x6d2b79f5) >>> 0;
	let t = randomState;
	t = Math.imul(t ^ (t >>> 15), t | 1);
	t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
	return ((t ^ (t >>> 14)) >>> 0) % below;
}

const pick = (list) => list[random(list.length)];

/* --- cases --- */

const corpus = join(here, 'corpus/http');
const seeds = readdirSync(corpus).map((name) => readFileSync(join(corpus, name)).subarray(1).toString('latin1'));

const words = [
	'\r\n', '\n', '\r', '\r\n\r\n', '\n\n', ' ', '\t', '\0', '\v', '\f', '\x7f', '\x80', '\xff', ':', ',', ';', '%', '"',
	'Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'content-length:7\r\n', 'Content-Length: 05\r\n', 'Content-Length: 5, 5\r\n',
	'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding: gzip, chunked\r\n', 'Transfer-Encoding: identity\r\n',
	'transfer-encoding:\tchunked \r\n', 'Transfer-Encoding: chunked, chunked\r\n', 'Host: a\r\n', 'Host: b\r\n',
	'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Connection: upgrade\r\nUpgrade: x\r\n', 'Expect: 100-continue\r\n',
	'Trailer: T\r\n', 'X: y\r\n', ' folded\r\n', '5\r\nhello\r\n', '0\r\n\r\n', '0;a=b\r\n', 'a\r\n0123456789\r\n', '0x5', '+5', '-1',
	'fffffffffffffffff', '00000000000000005', '5 ', '5;', '5;a="\r\n"', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'HTTP/1.0', 'HTTP/1.1',
	'HTTP/2.0', 'HTTP/1.2', 'POST', 'HEAD', 'CONNECT', 'PRI', 'http://a/', '*', '//', 'chunked', 'Content-Length', 'Transfer-Encoding',
];

const mutations = [
	(s) => { const i = random(s.length + 1); return s.slice(0, i) + pick(words) + s.slice(i); },
	(s) => { const i = random(s.length + 1); return s.slice(0, i) + String.fromCharCode(random(256)) + s.slice(i + 1); },
	(s) => { const i = random(s.length + 1); return s.slice(0, i) + s.slice(i + 1 + random(8)); },
	(s) => { const i = random(s.length + 1); return s.slice(0, i) + s.slice(i, i + random(40)) + s.slice(i); },
	(s) => { const lines = s.split('\r\n'), i = random(lines.length); lines.splice(i, 0, pick(lines)); return lines.join('\r\n'); },
	(s) => { const lines = s.split('\r\n'), i = random(lines.length); lines.splice(i, 0, pick(words).replace(/\r\n$/, '')); return lines.join('\r\n'); },
	(s) => { const lines = s.split('\r\n'), i = random(lines.length); lines.splice(i, 1); return lines.join('\r\n'); },
	(s) => { const lines = s.split('\r\n'), i = random(lines.length); lines[i] += pick(words); return lines.join('\r\n'); },
	(s) => s + pick(seeds),
];

function makeCase() {
	let text = pick(seeds);
	for (let i = random(4); i >= 0; i--) text = pick(mutations)(text);
	return Buffer.from(text.slice(0, 8000), 'latin1');
}

/* --- ours --- */

function runOurs(cases) {
	const directory = mkdtempSync(join(tmpdir(), 'http_oracle.'));
	try {
		const binary = join(directory, 'http_dump');
		const sources = ['http', 'http_body', 'http_reply', 'http_value'].map((name) => join(services, 'kit', `${name}.c`));
		execFileSync(process.env.CC ?? 'gcc', ['-std=gnu11', '-O1', '-D_GNU_SOURCE', `-I${services}`, `-I${join(services, '../build/proto')}`, join(here, 'http_dump.c'), ...sources, '-o', binary]);
		const parts = cases.flatMap((data) => {
			const length = Buffer.alloc(4);
			length.writeUInt32LE(data.length);
			return [length, data];
		});
		const run = spawnSync(binary, { input: Buffer.concat(parts), maxBuffer: 1 << 30 });
		if (run.status !== 0) throw new Error(`http_dump ended with ${run.status ?? run.signal}`);
		return run.stdout.toString('latin1').trimEnd().split('\n').map((line) => JSON.parse(line));
	} finally {
		rmSync(directory, { recursive: true });
	}
}

/* --- Node's --- */

function runNode(data) {
	return new Promise((resolve) => {
		const messages = [];
		let error = null;
		const server = http.createServer({ insecureHTTPParser: false, maxHeaderSize: 16384, keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, requireHostHeader: false });
		const take = (request, response) => {
			const chunks = [];
			/* Taken in the order of the heads; a message counts when its end has come. */
			const message = { method: request.method, target: request.url, rawHeaders: request.rawHeaders, whole: false };
			messages.push(message);
			request.on('data', (chunk) => chunks.push(chunk));
			request.on('end', () => {
				message.body = Buffer.concat(chunks);
				message.whole = request.complete;
				response.end();
			});
			request.on('error', () => {});
			response.on('error', () => {});
		};
		for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, take);
		/* The connection is left open for a while: what was whole before the fault is still to be delivered. */
		server.on('clientError', (problem) => {
			error ??= problem.code ?? String(problem);
		});
		const socket = new Duplex({ read() {}, write(chunk, encoding, done) { done(); } });
		socket.setTimeout = socket.setNoDelay = socket.setKeepAlive = socket.ref = socket.unref = () => socket;
		socket.on('error', () => {});
		socket.on('close', () => setImmediate(() => resolve({ error, messages })));
		server.emit('connection', socket);
		socket.push(data);
		/* Some turns of the loop: pipelined requests are handed on as their predecessors are answered. */
		let turns = 6 + 2 * data.toString('latin1').split('HTTP/1').length;
		const wait = () => (turns-- > 0 && !socket.destroyed ? setImmediate(wait) : socket.destroy());
		setImmediate(wait);
	});
}

/* --- the comparison --- */

function describeNode(message) {
	let headers = '';
	for (let i = 0; i < message.rawHeaders.length; i += 2) headers += `${message.rawHeaders[i]}:${message.rawHeaders[i + 1]}\n`;
	return {
		method: message.method,
		target: Buffer.from(message.target, 'latin1').toString('hex'),
		headers: Buffer.from(headers, 'latin1').toString('hex'),
		body: message.body.toString('hex'),
	};
}

function difference(ours, node) {
	const whole = node.messages.filter((message) => message.whole).map(describeNode);
	for (let i = 0; i < ours.messages.length; i++) {
		if (!whole[i]) return `message ${i} is taken by us, not by Node (${node.error})`;
		for (const part of ['method', 'target', 'headers', 'body'])
			if (whole[i][part] !== ours.messages[i][part])
				return `message ${i}: ${part} is ${ours.messages[i][part]} for us, ${whole[i][part]} for Node`;
	}
	if (whole.length > ours.messages.length && ours.end !== 'refused')
		return `Node has ${whole.length} messages, we have ${ours.messages.length} and are "${ours.end}"`;
	return null;
}

/* A Node with an old llhttp, Debian 12's among them, ends the headers at a CR without its LF (CVE-2023-30589): it is no judge of those. */
const endsAtBareCr = (await runNode(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\rx'))).messages.length > 0;
const isJudged = (data) => !endsAtBareCr || !/\r(?!\n)/.test(data.toString('latin1'));
const cases = Array.from({ length: count }, makeCase).filter(isJudged);
const ours = runOurs(cases);
let alike = 0, stricter = 0, taken = 0, failed = 0;

for (let i = 0; i < cases.length; i++) {
	const node = await runNode(cases[i]);
	const problem = difference(ours[i], node);
	taken += ours[i].messages.length;
	if (problem) {
		failed++;
		console.error(`case ${i}: ${problem}\n${JSON.stringify(cases[i].toString('latin1'))}`);
		if (failed === 10) break;
	} else if (ours[i].end === 'refused' && (node.messages.filter((message) => message.whole).length > ours[i].messages.length || !node.error)) {
		stricter++;
	} else {
		alike++;
	}
}
console.log(`${cases.length} cases, ${taken} messages taken alike; ${alike} ended alike, ${stricter} refused by us alone`);
console.log(`${alike + stricter} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
