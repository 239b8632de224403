// Writes .br and .gz beside each text file of the build, so that the gateway never compresses, and holds the first load
// (everything up to the first list) to its budget.
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FIRST_LOAD_LIMIT_BYTES = 300 * 1000;
const dist = new URL('../dist', import.meta.url).pathname;

const files = readdirSync(dist, { recursive: true })
  .map((name) => join(dist, name))
  .filter((path) => statSync(path).isFile() && /\.(js|css|html|svg|json|webmanifest)$/.test(path));

const sentBytes = new Map(); // browsers take brotli, over HTTPS and on this machine
for (const path of files) {
  const bytes = readFileSync(path);
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  sentBytes.set(path, brotli.length);
  writeFileSync(`${path}.br`, brotli);
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
}

// Vite's manifest says which chunk needs which: what is loaded is the page's entry and the screen that it opens with.
const manifestPath = join(dist, '.vite/manifest.json');
const manifest = JSON.parse(readFileSync(manifestPath, 'utf8'));
rmSync(join(dist, '.vite'), { recursive: true });

// A chunk that others share goes by its name, not by its source.
function keyOf(source) {
  const name = source.replace(/^.*\/|\.tsx$/g, '');
  const key = source in manifest ? source : Object.keys(manifest).find((candidate) => manifest[candidate].name === name);
  if (key === undefined) throw new Error(`the build has no chunk of ${source}`);
  return key;
}

function loadedBy(sources) {
  const chunks = new Set();
  const add = (key) => {
    if (chunks.has(key)) return;
    chunks.add(key);
    for (const needed of manifest[key].imports ?? []) add(needed);
  };
  sources.map(keyOf).forEach(add);
  const names = [...chunks].flatMap((key) => [manifest[key].file, ...(manifest[key].css ?? [])]);
  return [...new Set([...names, 'index.html', 'theme.js'])].reduce((sum, name) => sum + sentBytes.get(join(dist, name)), 0);
}

const signIn = loadedBy(['index.html']);
const list = loadedBy(['index.html', 'src/shell/Shell.tsx', 'src/list/ListScreen.tsx']);
const kB = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;
console.log(`first load: sign-in ${kB(signIn)}, a list ${kB(list)}, of ${kB(FIRST_LOAD_LIMIT_BYTES)}`);
if (list > FIRST_LOAD_LIMIT_BYTES) {
  console.error('The first load is over its budget: load a screen or a component when it is opened.');
  process.exit(1);
}
