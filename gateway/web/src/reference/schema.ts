// A schema as a table of its members; what they refer to opens below.
import { code, element, table } from './dom';
import { nameOf, resolved, type Document, type Schema } from './openapi';
import { isChinese, t } from './texts';

const DEPTH_MAX = 6; // a schema may hold itself

/** "string (date-time)", "list of Phone", "company | person". */
export function typeText(document: Document, schema: Schema): string {
  if (schema.$ref !== undefined) return nameOf(schema.$ref);
  if (schema.enum !== undefined) return schema.enum.join(' | ');
  if (schema.const !== undefined) return schema.const;
  if (schema.oneOf !== undefined) return schema.oneOf.map((one) => typeText(document, one)).join(' | ');
  if (schema.items !== undefined) return t('reference.listOf', { type: typeText(document, schema.items) });
  const type = Array.isArray(schema.type) ? schema.type.join(' | ') : (schema.type ?? t('reference.anything'));
  return schema.format === undefined ? type : `${type} (${schema.format})`;
}

/** What the values of a choice are called: "active: Active". */
function namesText(schema: Schema): string | undefined {
  const titles = Object.entries((schema.items ?? schema)['x-enum-titles'] ?? {});
  return titles.length === 0 ? undefined : titles.map(([name, title]) => `${name}: ${(isChinese ? title?.zh : title?.en) ?? name}`).join(isChinese ? '，' : ', ');
}

/** Bounds, defaults and what else a schema says of a value. */
export function noteText(schema: Schema): string {
  const title = isChinese ? schema['x-title-zh'] : schema.title;
  const notes = [
    title,
    isChinese ? (schema['x-description-zh'] ?? schema.description) : schema.description,
    namesText(schema),
    schema.readOnly === true ? t('reference.readOnly') : undefined,
    schema.maxLength === undefined ? undefined : t('reference.maxLength', { count: schema.maxLength }),
    schema.maxItems === undefined ? undefined : t('reference.maxItems', { count: schema.maxItems }),
    schema.minimum === undefined ? undefined : t('reference.minimum', { count: schema.minimum }),
    schema.maximum === undefined ? undefined : t('reference.maximum', { count: schema.maximum }),
    schema.default === undefined ? undefined : t('reference.default', { value: String(schema.default) }),
  ];
  return notes.filter((note) => note !== undefined).join(isChinese ? '；' : ' · ');
}

function innerOf(schema: Schema): Schema | undefined {
  if (schema.items !== undefined) return innerOf(schema.items);
  return schema.$ref !== undefined || schema.properties !== undefined || schema.oneOf !== undefined ? schema : undefined;
}

/** What opens: the members of what a schema refers to, made when it is opened. */
function below(document: Document, schema: Schema, depth: number): Node | undefined {
  const inner = innerOf(schema);
  if (inner === undefined || depth >= DEPTH_MAX) return undefined;
  const details = element('details', { class: 'inner' }, element('summary', {}, inner.$ref === undefined ? t('reference.members') : nameOf(inner.$ref)));
  details.addEventListener('toggle', () => details.append(schemaNode(document, inner, depth + 1)), { once: true });
  return details;
}

export function schemaNode(document: Document, given: Schema, depth = 0): Node {
  const schema = resolved(document, given);
  const members = Object.entries(schema.properties ?? {});
  if (schema.items !== undefined) return element('div', {}, element('p', {}, typeText(document, schema)), below(document, schema, depth));
  if (schema.oneOf !== undefined) return element('div', {}, element('p', {}, t('reference.oneOf')), ...schema.oneOf.map((one) => schemaNode(document, one, depth + 1)));
  if (members.length === 0) return element('p', {}, [typeText(document, schema), noteText(schema)].filter((text) => text !== '').join(': '));
  const rows = members.map(([name, member]) => [
    element('span', {}, code(name), schema.required?.includes(name) === true ? element('em', {}, ` ${t('reference.required')}`) : undefined),
    typeText(document, member),
    element('span', {}, noteText(member), below(document, member, depth)),
  ]);
  return table(t('reference.members'), [t('reference.name'), t('reference.type'), t('reference.note')], rows);
}
