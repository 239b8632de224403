// What is made by hand on top of the schema: icons, the order of the side bar, and the collections that can be imported.
import {
  ApartmentOutlined, BankOutlined, ClockCircleOutlined, ContactsOutlined, DesktopOutlined, TeamOutlined, UnorderedListOutlined, UserOutlined,
} from '../ui/icons';
import type { ComponentType } from 'react';
import type { Resource, Schema } from '../api/schema';

interface Feature {
  icon: ComponentType;
  nav?: number; // place in the side bar; absent: not in it
  administrators?: boolean; // in the side bar of those who may change it
  importMethod?: string;
  columns?: string[]; // of the list, where the first fields of the definition are not the best
  afterCreate?: (id: string) => string; // where creating one goes on
  titleKey?: string; // titles are words of the program: the catalogue has them behind this
  purpose?: string; // key of the text that says what the collection is for
}

const FEATURES: Record<string, Feature | undefined> = {
  customers: { icon: BankOutlined, nav: 1, importMethod: 'customers:import', purpose: 'empty.customers' },
  contacts: { icon: ContactsOutlined, nav: 2, purpose: 'empty.contacts' },
  activities: { icon: ClockCircleOutlined, nav: 3, purpose: 'empty.activities', columns: ['subject', 'kind', 'customerId', 'contactId', 'occurTime', 'dueTime', 'ownerId'] },
  jobs: { icon: UnorderedListOutlined, nav: 4, purpose: 'empty.jobs', titleKey: 'job.kind.', columns: ['fileName', 'state', 'collection', 'done', 'refused', 'ownerId', 'createTime'] },
  users: { icon: UserOutlined, nav: 5, administrators: true, purpose: 'empty.users', columns: ['name', 'email', 'role', 'teamId', 'active', 'createTime'], afterCreate: (id) => `/users/${id}?setPassword=true` },
  teams: { icon: ApartmentOutlined, nav: 6, administrators: true, purpose: 'empty.teams' },
  views: { icon: UnorderedListOutlined, columns: ['name', 'collection', 'shared', 'ownerId'] },
  preferences: { icon: UserOutlined, columns: ['ownerId', 'language', 'theme', 'density'] },
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
