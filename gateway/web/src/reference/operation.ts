// One operation: a line that opens into its parameters, body and answers.
import { code, element, table } from './dom';
import { gathered, resolved, type Document, type Entry, type Operation } from './openapi';
import { noteText, schemaNode, typeText } from './schema';
import { t } from './texts';

function parametersNode(document: Document, operation: Operation): Node | undefined {
  const parameters = gathered((operation.parameters ?? []).map((parameter) => resolved(document, parameter)));
  if (parameters.length === 0) return undefined;
  const rows = parameters.map((parameter) => [
    element('span', {}, code(parameter.name), parameter.required === true ? element('em', {}, ` ${t('reference.required')}`) : undefined),
    t(`reference.in.${parameter.in}`),
    typeText(document, parameter.schema ?? {}),
    [parameter.operators === undefined ? '' : t('reference.operators', { names: parameter.operators.join(' ') }), parameter.description ?? '', noteText(parameter.schema ?? {})]
      .filter((text) => text !== '')
      .join(' · '),
  ]);
  return element('section', {}, element('h4', {}, t('reference.parameters')), table(t('reference.parameters'), [t('reference.name'), t('reference.where'), t('reference.type'), t('reference.note')], rows));
}

function contentNodes(document: Document, content: Record<string, { schema?: object }> | undefined): Node[] {
  return Object.entries(content ?? {}).map(([type, { schema }]) => element('div', {}, element('p', {}, code(type)), schema === undefined ? undefined : schemaNode(document, schema)));
}

function answersNode(document: Document, operation: Operation): Node {
  const answers = Object.entries(operation.responses).map(([status, given]) => {
    const answer = resolved(document, given);
    const details = element('details', { class: 'inner' }, element('summary', {}, code(status), ` ${answer.description ?? ''}`));
    details.addEventListener('toggle', () => details.append(...contentNodes(document, answer.content)), { once: true });
    return details;
  });
  return element('section', {}, element('h4', {}, t('reference.answers')), ...answers);
}

function inside(document: Document, { operation }: Entry): Node[] {
  const parts = [
    operation.description === undefined ? undefined : element('p', {}, operation.description),
    parametersNode(document, operation),
    operation.requestBody === undefined ? undefined : element('section', {}, element('h4', {}, t('reference.body')), ...contentNodes(document, operation.requestBody.content)),
    answersNode(document, operation),
  ];
  return parts.filter((part) => part !== undefined);
}

export function operationNode(document: Document, entry: Entry): HTMLDetailsElement {
  const { method, path, operation } = entry;
  const details = element(
    'details',
    { id: operation.operationId, class: 'operation' },
    element('summary', {}, element('span', { class: `method ${method}` }, method.toUpperCase()), ' ', code(path), element('span', { class: 'about' }, ` ${operation.summary ?? ''}`)),
  );
  details.addEventListener('toggle', () => details.append(...inside(document, entry)), { once: true });
  return details;
}
