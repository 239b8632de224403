// Elements of the page. Text goes in as text, never as HTML.

type Child = Node | string | undefined;

export function element<K extends keyof HTMLElementTagNameMap>(name: K, attributes: Record<string, string>, ...children: Child[]): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

export const code = (text: string): HTMLElement => element('code', {}, text);

/** A table with a caption for those who do not see it. */
export function table(caption: string, heads: string[], rows: Child[][]): HTMLElement {
  return element(
    'div',
    { class: 'scrolls', tabindex: '0', role: 'region', 'aria-label': caption },
    element(
      'table',
      {},
      element('thead', {}, element('tr', {}, ...heads.map((head) => element('th', { scope: 'col' }, head)))),
      element('tbody', {}, ...rows.map((cells) => element('tr', {}, ...cells.map((cell) => element('td', {}, cell))))),
    ),
  );
}
