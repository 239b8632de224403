// What is made by hand on top of the schema: icons, the order of the side bar, and the collections that can be imported.
import {
  ApartmentOutlined, ApiOutlined, BankOutlined, BellOutlined, CheckSquareOutlined, ClockCircleOutlined, ContactsOutlined, CopyOutlined, DesktopOutlined, KeyOutlined, SendOutlined, TagsOutlined, TeamOutlined, UnorderedListOutlined, UserOutlined,
} from '../ui/icons';
import type { ComponentType } from 'react';
import type { Resource, Schema } from '../api/schema';

interface Feature {
  icon: ComponentType;
  nav?: number; // place in the side bar; absent: not in it
  administrators?: boolean; // in the side bar of those who may change it
  importMethod?: string;
  exportMethod?: string;
  sample?: boolean; // there is a file of examples to import
  columns?: string[]; // of the list, where the first fields of the definition are not the best
  afterCreate?: (id: string) => string; // where creating one goes on
  titleKey?: string; // titles are words of the program: the catalogue has them behind this
  purpose?: string; // key of the text that says what the collection is for
}

const FEATURES: Record<string, Feature | undefined> = {
  customers: { icon: BankOutlined, nav: 1, columns: ['name', 'stage', 'tags', 'categoryIds', 'phones', 'completeness', 'ownerId', 'createTime'], importMethod: 'customers:import', exportMethod: 'customers:export', sample: true, purpose: 'empty.customers' },
  contacts: { icon: ContactsOutlined, nav: 2, importMethod: 'contacts:import', exportMethod: 'contacts:export', purpose: 'empty.contacts' },
  activities: { icon: ClockCircleOutlined, nav: 3, importMethod: 'activities:import', exportMethod: 'activities:export', purpose: 'empty.activities', columns: ['subject', 'kind', 'customerId', 'contactId', 'occurTime', 'dueTime', 'ownerId'] },
  jobs: { icon: UnorderedListOutlined, nav: 4.5, purpose: 'empty.jobs', titleKey: 'job.kind.', columns: ['fileName', 'action', 'state', 'created', 'updated', 'refused', 'ownerId', 'createTime'] },
  users: { icon: UserOutlined, nav: 5, administrators: true, purpose: 'empty.users', columns: ['name', 'email', 'role', 'teamId', 'active', 'createTime'], afterCreate: (id) => `/users/${id}?setPassword=true` },
  teams: { icon: ApartmentOutlined, nav: 6, administrators: true, purpose: 'empty.teams' },
  duplicates: { icon: CopyOutlined, nav: 4, purpose: 'empty.duplicates', columns: ['names', 'reason', 'score', 'state', 'ownerId', 'createTime'] },
  categories: { icon: TagsOutlined, nav: 7, administrators: true, purpose: 'empty.categories', columns: ['name', 'englishName', 'colour', 'rule', 'position'] },
  fieldPolicies: { icon: CheckSquareOutlined, nav: 8, administrators: true, purpose: 'empty.fieldPolicies', columns: ['name', 'stage', 'action', 'fields'] },
  relationships: { icon: ApartmentOutlined, columns: ['customerId', 'contactId', 'kind', 'otherCustomerId', 'otherContactId', 'endDate'] },
  merges: { icon: CopyOutlined, columns: ['customerId', 'fields', 'undoTime', 'createTime'] },
  webhooks: { icon: ApiOutlined, nav: 9, administrators: true, purpose: 'empty.webhooks', columns: ['name', 'url', 'state', 'types', 'failingSince', 'ownerId', 'createTime'], afterCreate: (id) => `/webhooks/${id}?secret=true` },
  deliveries: { icon: SendOutlined, columns: ['type', 'subject', 'state', 'attempts', 'webhookId', 'createTime'] },
  notifications: { icon: BellOutlined, columns: ['kind', 'subject', 'read', 'createTime'] },
  views: { icon: UnorderedListOutlined, columns: ['name', 'collection', 'shared', 'ownerId'] },
  preferences: { icon: UserOutlined, columns: ['ownerId', 'language', 'theme', 'density'] },
  apiKeys: { icon: KeyOutlined, columns: ['name', 'scopes', 'ownerId', 'expireTime'] }, // the account menu leads there
  sessions: { icon: DesktopOutlined, columns: ['client', 'ownerId', 'createTime', 'expireTime'] },
};

const OTHER: Feature = { icon: TeamOutlined, nav: 50 };

export const featureOf = (collection: string): Feature => FEATURES[collection] ?? OTHER;

// The collections of the side bar that this person has a use for, in order.
export function navigation(schema: Schema): Resource[] {
  return schema.resources
    .filter(({ collection, rights }) => {
      const { nav, administrators } = featureOf(collection);
      return nav !== undefined && (administrators !== true || rights?.create === true);
    })
    .sort((a, b) => (featureOf(a.collection).nav ?? 0) - (featureOf(b.collection).nav ?? 0));
}

// What this person has to do next, as a list with its filters in the URL.
export const myTasksPath = (userId: string) => `/activities?filter[kind][eq]=task&filter[done][ne]=true&filter[ownerId][eq]=${userId}&sort=dueTime`;
