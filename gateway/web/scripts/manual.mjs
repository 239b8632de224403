// /docs of the built UI: manual/*.html with the examples of manual/examples.sh, which a test runs, and every code of
// services/kit/messages.def in their places.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';

const here = new URL('../manual/', import.meta.url);
const dist = new URL('../dist/docs/', import.meta.url);
const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const read = (name) => readFileSync(new URL(name, here), 'utf8');

const examples = new Map(
  read('examples.sh').split(/^#: /m).slice(1).map((section) => [section.slice(0, section.indexOf('\n')), section.slice(section.indexOf('\n') + 1).trim()]),
);
const messages = readFileSync(new URL('../../../services/kit/messages.def', import.meta.url), 'utf8');
const text = '"((?:[^"\\\\]|\\\\.)*)"';
const codes = [...messages.matchAll(new RegExp(`^MESSAGE\\(\\w+, ${text}, ${text}, ${text}\\)`, 'gm'))]
  .map(([, code, en, zh]) => ({ code, en: JSON.parse(`"${en}"`), zh: JSON.parse(`"${zh}"`) }))
  .filter(({ code }) => !code.startsWith('title_'));

const table = (language, heads) =>
  `<table><thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead><tbody>${codes
    .map((one) => `<tr><td><code>${escape(one.code)}</code></td><td>${escape(one[language])}</td></tr>`)
    .join('')}</tbody></table>`;

function page(language, title, other, heads) {
  const used = new Set();
  const body = read(`${language}.html`).replace(/\{\{([\w-]+)\}\}/g, (_, name) => {
    if (name === 'codes') return table(language, heads);
    if (!examples.has(name)) throw new Error(`manual/${language}.html: there is no example "${name}"`);
    used.add(name);
    return `<pre tabindex="0"><code>${escape(examples.get(name))}</code></pre>`;
  });
  const left = [...examples.keys()].filter((name) => !used.has(name));
  if (left.length > 0) throw new Error(`manual/${language}.html leaves out ${left.join(', ')}`);
  return `<!doctype html><html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><link rel="stylesheet" href="/docs/manual.css"><link rel="icon" href="/icon.svg"></head><body><nav>${other}</nav><main>${body}</main></body></html>\n`;
}

mkdirSync(new URL('zh/', dist), { recursive: true });
writeFileSync(new URL('index.html', dist), page('en', 'Guanxi for programs', '<a href="/docs/zh" lang="zh">中文</a>', ['Code', 'What it says']));
writeFileSync(new URL('zh/index.html', dist), page('zh', '关系：开发者文档', '<a href="/docs" lang="en">English</a>', ['代码', '说明']));
cpSync(new URL('manual.css', here), new URL('manual.css', dist));
