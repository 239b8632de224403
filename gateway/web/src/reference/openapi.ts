// The parts of an OpenAPI 3.1 document that the reference page shows.

export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: (string | number)[];
  const?: string;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  oneOf?: Schema[];
  allOf?: Schema[];
  description?: string;
  title?: string;
  'x-title-zh'?: string;
  'x-description-zh'?: string;
  'x-enum-titles'?: Record<string, { en: string; zh: string } | undefined>;
  readOnly?: boolean;
  default?: string | number | boolean;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
}

export interface Parameter {
  $ref?: string;
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
}

interface Body {
  required?: boolean;
  content?: Record<string, { schema?: Schema }>;
  description?: string;
}

export interface Operation {
  operationId: string;
  summary?: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: Body;
  responses: Record<string, Body & { $ref?: string }>;
}

export interface Document {
  info: { version: string };
  tags: { name: string; description: string; 'x-description-zh'?: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
}

export interface Entry {
  method: string;
  path: string;
  operation: Operation;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** What a $ref leads to; anything else is itself. */
export function resolved<T extends { $ref?: string }>(document: Document, value: T): T {
  const [, , kind = '', name = ''] = value.$ref?.split('/') ?? [];
  return value.$ref === undefined ? value : (document.components[kind]?.[name] as T);
}

/** The last part of a $ref: a schema's name. */
export const nameOf = (ref: string): string => ref.slice(ref.lastIndexOf('/') + 1);

/** Operations by their tag, in the order of the document's tags. */
export function byTag(document: Document): { tag: Document['tags'][number]; entries: Entry[] }[] {
  const entries = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      return operation === undefined ? [] : [{ method, path, operation }];
    }),
  );
  return document.tags.map((tag) => ({ tag, entries: entries.filter(({ operation }) => operation.tags?.[0] === tag.name) }));
}

/** The filters of one field share a row: filter[stage][eq] and filter[stage][in] are one, with both operators. */
export function gathered(parameters: Parameter[]): (Parameter & { operators?: string[] })[] {
  const rows = new Map<string, Parameter & { operators?: string[] }>();
  for (const parameter of parameters) {
    const [, field, operator] = /^filter\[(\w+)\]\[(\w+)\]$/.exec(parameter.name) ?? [];
    if (field === undefined || operator === undefined) {
      rows.set(parameter.name, parameter);
      continue;
    }
    const name = `filter[${field}]`;
    const known = rows.get(name);
    if (known === undefined) rows.set(name, { ...parameter, name, operators: [operator] });
    else known.operators?.push(operator);
  }
  return [...rows.values()];
}
