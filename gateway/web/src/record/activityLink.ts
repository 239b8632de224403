import type { RecordData, Values } from '../api/records';
import { referenceTo, type Field, type Resource, type Schema } from '../api/schema';

export interface ActivityLink {
  activities: Resource;
  field: Field; // of the activity: refers to this kind of record
  known: Values; // what an activity about this record says about where it belongs
}

// How activities belong to a record: to a customer by customerId; to a contact by contactId, and by its customerId too.
export function activityLink(schema: Schema, resource: Resource, record: RecordData): ActivityLink | undefined {
  const activities = resource.activities === true ? schema.find('activities') : undefined;
  const field = activities && referenceTo(activities, resource.collection);
  if (activities === undefined || field === undefined) return undefined;
  const shared = activities.fields.filter((other) => other.reference !== undefined && other.name !== 'ownerId' && other.name !== 'teamId' && record[other.name] !== undefined);
  return { activities, field, known: { ...Object.fromEntries(shared.map(({ name }) => [name, record[name]])), [field.name]: record.id } };
}
