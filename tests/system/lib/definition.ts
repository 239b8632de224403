import { readdirSync } from "node:fs";
import path from "node:path";
import protobuf from "protobufjs";
import { top } from "../harness/system";

// The definition in proto/, read by protobufjs: independently of the descriptor set that the product has embedded.

export interface FieldRule {
  aggregate?: boolean;
  required?: boolean;
  output_only?: boolean;
  immutable?: boolean;
  min_length?: number;
  max_length?: number;
  max_items?: number;
  format?: string;
  reference?: string;
  search?: boolean;
  filter?: boolean;
  sort?: boolean;
  unique?: boolean;
  default_value?: string;
  sensitive?: boolean;
  label?: { en: string; zh: string };
  help?: { en: string; zh: string };
}
export interface ResourceRule {
  collection: string;
  title: string;
  label: { en: string; zh: string };
  plural: { en: string; zh: string };
  administrators_only?: boolean;
  organisation_wide?: boolean;
  read_only?: boolean;
  default_sort?: string;
  parent?: string;
}
export interface DefinedField {
  name: string;
  jsonName: string;
  number: number;
  type: string;
  repeated: boolean;
  enumeration: protobuf.Enum | undefined;
  message: protobuf.Type | undefined;
  rule: FieldRule;
}
export interface DefinedResource {
  fullName: string;
  service: string;
  singular: string;
  rule: ResourceRule;
  fields: DefinedField[];
}

const proto = path.join(top, "proto");
const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter, at: number) => (at === 0 ? "" : "_") + letter.toLowerCase());

function option<T>(of: { parsedOptions?: unknown }, name: string): T | undefined {
  const parsed = (of.parsedOptions ?? []) as Record<string, T>[];
  return parsed.map((one) => one[`(guanxi.${name})`]).find((one) => one !== undefined);
}

function load(): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_, target) => (target.startsWith("google/") ? path.join("/usr/include", target) : path.join(proto, target));
  const files = readdirSync(proto, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".proto"));
  root.loadSync(files, { keepCase: true });
  root.resolveAll();
  return root;
}

export const root = load();

function allTypes(of: protobuf.NamespaceBase): protobuf.Type[] {
  return of.nestedArray.flatMap((nested) => (nested instanceof protobuf.Type ? [nested, ...allTypes(nested)] : nested instanceof protobuf.Namespace ? allTypes(nested) : []));
}
function allEnums(of: protobuf.NamespaceBase): protobuf.Enum[] {
  return of.nestedArray.flatMap((nested) => (nested instanceof protobuf.Enum ? [nested] : nested instanceof protobuf.Namespace ? allEnums(nested) : []));
}

function defined(field: protobuf.Field): DefinedField {
  const resolved = field.resolvedType;
  return {
    name: field.name,
    jsonName: camel(field.name),
    number: field.id,
    type: field.type,
    repeated: field.repeated,
    enumeration: resolved instanceof protobuf.Enum ? resolved : undefined,
    message: resolved instanceof protobuf.Type ? resolved : undefined,
    rule: option<FieldRule>(field, "field") ?? {},
  };
}

export const fieldsOf = (type: protobuf.Type): DefinedField[] => type.fieldsArray.map(defined).sort((a, b) => a.number - b.number);

const services = (root.lookup("guanxi") as protobuf.Namespace).nestedArray.filter((nested) => nested instanceof protobuf.Namespace && !(nested instanceof protobuf.Type)) as protobuf.Namespace[];
/** Messages of the services: those of the envelope and the options have no labels. */
export const messages = services.flatMap(allTypes);
export const enums = services.flatMap(allEnums);

export const resources: DefinedResource[] = messages.flatMap((type) => {
  const rule = option<ResourceRule>(type, "resource");
  const fullName = type.fullName.slice(1);
  return rule === undefined ? [] : [{ fullName, service: fullName.split(".")[1] ?? "", singular: snake(type.name), rule, fields: fieldsOf(type) }];
});

/** Values as JSON names them, without the first, which says that nothing is set. */
export function enumNames(of: protobuf.Enum): string[] {
  const prefix = `${snake(of.name).toUpperCase()}_`;
  return Object.keys(of.values).filter((name) => of.values[name] !== 0).map((name) => name.slice(prefix.length).toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
}
export const enumLabel = (of: protobuf.Enum): { en: string; zh: string } | undefined => option(of, "enum_label");
export function valueLabels(of: protobuf.Enum): [string, string, string][] {
  return Object.entries(of.valuesOptions ?? {}).map(([name, options]) => [name, String((options as Record<string, unknown>)["(guanxi.value).label.en"] ?? ""), String((options as Record<string, unknown>)["(guanxi.value).label.zh"] ?? "")]);
}

/** The SQL type of a field's column: services/kit/column.h. */
export function columnType(field: DefinedField): string {
  if (field.repeated || (field.message !== undefined && field.message.fullName !== ".google.protobuf.Timestamp")) return "json";
  if (field.message !== undefined) return "timestamp with time zone";
  if (field.enumeration !== undefined) return "integer";
  if (field.type === "bool") return "boolean";
  if (/^u?int64$/.test(field.type)) return "bigint";
  if (/^u?int32$/.test(field.type)) return "integer";
  if (field.number === 1 || field.rule.reference !== undefined) return "uuid";
  return field.rule.format === "FORMAT_DATE" ? "date" : "text";
}
