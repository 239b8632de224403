// /docs/reference: every operation of /api/openapi.json, to be looked through and searched.
import { element } from './dom';
import { operationNode } from './operation';
import { byTag, type Document } from './openapi';
import { isChinese, t } from './texts';
import './reference.css';

const main = document.getElementById('reference') ?? document.body;

interface Shown {
  node: HTMLDetailsElement;
  section: HTMLElement;
  words: string;
}

function narrow(all: Shown[], typed: string, counter: HTMLElement): void {
  const words = typed.toLowerCase().split(/\s+/).filter((word) => word !== '');
  let count = 0;
  for (const { node, words: text } of all) {
    node.hidden = !words.every((word) => text.includes(word));
    count += node.hidden ? 0 : 1;
  }
  for (const section of new Set(all.map((one) => one.section))) section.hidden = all.every((one) => one.section !== section || one.node.hidden);
  counter.textContent = t('reference.count', { count });
}

function searchNode(all: Shown[]): HTMLElement {
  const input = element('input', { type: 'search', id: 'filter', placeholder: t('reference.filterHint') });
  const counter = element('p', { role: 'status' });
  input.addEventListener('input', () => narrow(all, input.value, counter));
  narrow(all, '', counter);
  return element('form', { role: 'search' }, element('label', { for: 'filter' }, t('reference.filter')), input, counter);
}

/** An operation has an address: #customers.create opens it. */
function openAddressed(): void {
  const node = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!(node instanceof HTMLDetailsElement)) return;
  node.open = true;
  node.scrollIntoView();
}

function show(api: Document): void {
  const all: Shown[] = [];
  const sections = byTag(api).map(({ tag, entries }) => {
    const about = isChinese ? (tag['x-description-zh'] ?? tag.description) : tag.description;
    const section = element('section', {}, element('h2', {}, tag.name, element('small', {}, about === tag.name ? '' : ` ${about}`)));
    for (const entry of entries) {
      const node = operationNode(api, entry);
      section.append(node);
      all.push({ node, section, words: `${entry.method} ${entry.path} ${entry.operation.summary ?? ''} ${entry.operation.operationId}`.toLowerCase() });
    }
    return section;
  });
  main.append(element('p', {}, t('reference.about', { version: api.info.version })), searchNode(all), ...sections);
  window.addEventListener('hashchange', openAddressed);
  openAddressed();
}

async function start(): Promise<void> {
  const response = await fetch('/api/openapi.json');
  if (!response.ok) throw new Error(String(response.status));
  show((await response.json()) as Document);
}

start().catch((error: unknown) => main.append(element('p', { role: 'alert' }, t('reference.failed', { reason: error instanceof Error ? error.message : String(error) }))));
