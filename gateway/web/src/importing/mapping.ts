// Which column fills which field: found by the heading, in either language, changed by hand.
import type { Field, Resource, Schema } from '../api/schema';
import { mainField } from '../fields/values';

// A cell can fill a plain value, the main part of a repeated one (a phone's number), or name what is referred to. The id fills
// nothing, but records are found by it.
export function importableFields(schema: Schema, resource: Resource): Field[] {
  return resource.fields.filter(
    (field) => field.name === 'id' || (field.outputOnly !== true && (field.type !== 'message' || mainField(schema.messageFields(field)) !== undefined)),
  );
}

// What rows find their records by: of the fields that the file has.
export const keysOf = (fields: readonly Field[], mapping: Mapping): Field[] => fields.filter((field) => (field.name === 'id' || field.importKey === true) && mapping.includes(field.name));

const plain = (text: string) => text.normalize('NFKC').toLowerCase().replace(/[^\p{L}\p{N}]/gu, '').replace(/s$/, '');

function names(schema: Schema, field: Field): string[] {
  const main = field.type === 'message' ? mainField(schema.messageFields(field)) : undefined;
  const labels = [field.label, ...(main === undefined ? [] : [main.label])];
  return [field.name, ...labels.flatMap(({ en, zh }) => [en, zh]), ...(main === undefined ? [] : [`${field.label.zh}${main.label.zh}`])].map(plain);
}

export type Mapping = (string | undefined)[]; // by column: the field's name

export function guessMapping(schema: Schema, resource: Resource, headings: string[]): Mapping {
  const fields = importableFields(schema, resource);
  const taken = new Set<string>();
  return headings.map((heading) => {
    const wanted = plain(heading);
    const field = fields.find((candidate) => !taken.has(candidate.name) && names(schema, candidate).includes(wanted));
    if (field !== undefined) taken.add(field.name);
    return field?.name;
  });
}
