// What /api/schema tells: every resource with its fields, labels and the caller's rights. Lists, forms and record pages
// are made from it; the interface knows no resource by heart.
import { useQuery } from '@tanstack/react-query';
import { createContext, useContext, useMemo } from 'react';
import { request } from './client';

export interface LocalText {
  en: string;
  zh: string;
}

export type FieldType = 'string' | 'boolean' | 'integer' | 'long' | 'timestamp' | 'date' | 'enum' | 'message';
export type FieldFormat = 'email' | 'phone' | 'url' | 'creditCode' | 'date' | 'multiline' | 'language' | 'timeZone' | 'eventType';
export type Operator = 'eq' | 'ne' | 'in' | 'lt' | 'lte' | 'gt' | 'gte' | 'contains' | 'isNull' | 'any' | 'all' | 'none';

export interface Field {
  name: string;
  type: FieldType;
  label: LocalText;
  help?: LocalText;
  repeated?: boolean;
  required?: boolean;
  outputOnly?: boolean;
  immutable?: boolean;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  minimum?: number | string;
  maximum?: number | string;
  format?: FieldFormat;
  reference?: string; // a collection
  filterOf?: string; // a collection: the text is the filter of its list
  fieldOf?: string; // a collection: the text is the name of a field of it
  search?: boolean;
  filter?: Operator[];
  sort?: boolean;
  aggregate?: boolean; // can be grouped by, or measured
  unique?: boolean;
  default?: string;
  more?: boolean;
  importKey?: boolean; // an import finds records by it
  enum?: string;
  message?: string;
}

export interface Resource {
  name: string;
  collection: string;
  title: string;
  label: LocalText;
  plural: LocalText;
  activities?: boolean;
  parent?: string;
  defaultSort?: string;
  readOnly?: boolean;
  personsWrite?: boolean; // no API key may
  rights?: { create?: boolean; update?: boolean; delete?: boolean };
  fields: Field[];
}

export interface EnumType {
  label: LocalText;
  values: { name: string; label: LocalText; inverse?: LocalText; colour?: string }[];
}

interface SchemaReply {
  resources: Resource[];
  messages: Record<string, { fields: Field[] } | undefined>;
  enums: Record<string, EnumType | undefined>;
}

export class Schema {
  private readonly byCollection: ReadonlyMap<string, Resource>;

  constructor(private readonly reply: SchemaReply) {
    this.byCollection = new Map(reply.resources.map((resource) => [resource.collection, resource]));
  }

  get resources(): readonly Resource[] {
    return this.reply.resources;
  }

  find(collection: string): Resource | undefined {
    return this.byCollection.get(collection);
  }

  enumOf(field: Field): EnumType | undefined {
    return field.enum === undefined ? undefined : this.reply.enums[field.enum];
  }

  messageFields(field: Field): Field[] {
    return field.message === undefined ? [] : (this.reply.messages[field.message]?.fields ?? []);
  }
}

export function findField(resource: Resource, name: string): Field | undefined {
  return resource.fields.find((field) => field.name === name);
}

// The field by which records of `resource` refer to one of `collection`, if lists can be narrowed by it.
export function referenceTo(resource: Resource, collection: string): Field | undefined {
  return resource.fields.find((field) => field.reference === collection && field.filter !== undefined && field.name !== 'ownerId' && field.name !== 'teamId');
}

const SchemaContext = createContext<Schema | null>(null);
export const SchemaProvider = SchemaContext.Provider;

export function useSchema(): Schema {
  const schema = useContext(SchemaContext);
  if (schema === null) throw new Error('useSchema() outside of SchemaProvider');
  return schema;
}

export function useSchemaQuery(enabled: boolean) {
  const query = useQuery({
    queryKey: ['schema'],
    queryFn: async ({ signal }) => (await request<SchemaReply>('GET', '/api/schema', { signal })).data,
    staleTime: Infinity,
    enabled,
  });
  const schema = useMemo(() => (query.data === undefined ? undefined : new Schema(query.data)), [query.data]);
  return { schema, error: query.error, refetch: query.refetch };
}
