// Writes .br and .gz beside each text file of the build, so that the gateway never compresses, and holds the first load
// (index.html and what it names) to its budget.
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FIRST_LOAD_LIMIT_BYTES = 300 * 1000;
const dist = new URL('../dist', import.meta.url).pathname;

const files = readdirSync(dist, { recursive: true })
  .map((name) => join(dist, name))
  .filter((path) => statSync(path).isFile() && /\.(js|css|html|svg|json|webmanifest)$/.test(path));

const gzipBytes = new Map();
for (const path of files) {
  const bytes = readFileSync(path);
  const gzip = gzipSync(bytes, { level: 9 });
  gzipBytes.set(path, gzip.length);
  writeFileSync(`${path}.gz`, gzip);
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}

const page = readFileSync(join(dist, 'index.html'), 'utf8');
const named = [...page.matchAll(/(?:src|href)="(\/[^"]+\.(?:js|css))"/g)].map(([, url]) => join(dist, url));
const firstLoad = [join(dist, 'index.html'), ...named].reduce((sum, path) => sum + gzipBytes.get(path), 0);
console.log(`first load: ${(firstLoad / 1000).toFixed(0)} kB with gzip, of ${FIRST_LOAD_LIMIT_BYTES / 1000} kB`);
if (firstLoad > FIRST_LOAD_LIMIT_BYTES) {
  console.error('The first load is over its budget: load a screen or a component when it is opened.');
  process.exit(1);
}
