// Both catalogues have the same keys and placeholders, each Chinese text contains Chinese or is on the list, and each
// key that the source asks for exists. The build stops otherwise.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from '@formatjs/icu-messageformat-parser';

const root = new URL('..', import.meta.url).pathname;
const sameInBoth = new Set(JSON.parse(readFileSync(join(root, 'scripts/same-in-both.json'), 'utf8')));

const read = (language) => JSON.parse(readFileSync(join(root, `src/locales/${language}.json`), 'utf8'));
const catalogues = { en: read('en'), zh: read('zh') };
const errors = [];

// Names of the arguments in an ICU message, those inside plural branches included.
function argumentsOf(nodes, found = new Set()) {
  for (const node of nodes) {
    if (node.type >= 1 && node.type <= 6) found.add(node.value);
    for (const option of Object.values(node.options ?? {})) argumentsOf(option.value, found);
    if (node.children) argumentsOf(node.children, found);
  }
  return found;
}

for (const key of new Set([...Object.keys(catalogues.en), ...Object.keys(catalogues.zh)])) {
  const { en, zh } = { en: catalogues.en[key], zh: catalogues.zh[key] };
  if (en === undefined || zh === undefined) {
    errors.push(`${key}: missing in ${en === undefined ? 'en' : 'zh'}`);
    continue;
  }
  if (!/\p{Script=Han}/u.test(zh) && !sameInBoth.has(key)) errors.push(`${key}: the Chinese text holds no Chinese: "${zh}"`);
  try {
    const [a, b] = [en, zh].map((text) => [...argumentsOf(parse(text))].sort().join(' '));
    if (a !== b) errors.push(`${key}: arguments differ: en {${a}} zh {${b}}`);
  } catch (error) {
    errors.push(`${key}: not a valid ICU message: ${error.message}`);
  }
}

const sources = readdirSync(join(root, 'src'), { recursive: true }).filter((name) => /\.tsx?$/.test(name));
const used = new Set();
for (const name of sources) {
  const text = readFileSync(join(root, 'src', name), 'utf8');
  for (const [, key] of text.matchAll(/'([a-z][A-Za-z]*(?:\.[A-Za-z0-9]+)+)'/g)) used.add(key);
  for (const [, prefix] of text.matchAll(/`([a-z][A-Za-z]*\.(?:[A-Za-z]+\.)*)\$\{/g)) used.add(prefix);
}
for (const [, key] of sources.flatMap((name) => [...readFileSync(join(root, 'src', name), 'utf8').matchAll(/\bt\('([^']+)'/g)]))
  if (!(key in catalogues.en)) errors.push(`${key}: used in the source, missing in the catalogues`);
for (const key of Object.keys(catalogues.en))
  if (!used.has(key) && ![...used].some((prefix) => prefix.endsWith('.') && key.startsWith(prefix))) errors.push(`${key}: in the catalogues, used nowhere`);

if (errors.length > 0) {
  console.error(errors.join('\n'));
  process.exit(1);
}
console.log(`locales: ${Object.keys(catalogues.en).length} texts in each language`);
