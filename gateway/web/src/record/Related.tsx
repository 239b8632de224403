// What belongs to a record: every collection that refers to it, and the tasks that are still to do.
import { PlusOutlined } from '../ui/icons';
import { Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { query as apiQuery } from '../api/query';
import { useList, type RecordData } from '../api/records';
import { findField, referenceTo, useSchema, type Field, type Resource, type Schema } from '../api/schema';
import { FieldValue } from '../fields/FieldValue';
import { isEmpty, textOf } from '../fields/values';
import { useCreate } from '../form/CreateProvider';
import { useInlineLabel, useLabel } from '../i18n/i18n';
import { Merges } from '../merging/Merges';
import { Relations } from '../relations/Relations';
import { activityLink } from './activityLink';
import { DoneBox, DueTime } from './ActivityItem';
import styles from './Related.module.css';

const SHOWN = 8;

const ELSEWHERE = ['activities', 'relationships', 'duplicates'];

const relatedTo = (schema: Schema, resource: Resource) =>
  schema.resources.flatMap((other): { other: Resource; field: Field }[] => {
    const field = ELSEWHERE.includes(other.collection) || other.readOnly === true ? undefined : referenceTo(other, resource.collection);
    return field === undefined ? [] : [{ other, field }];
  });

export const hasRelated = (schema: Schema, resource: Resource) => resource.activities === true || relatedTo(schema, resource).length > 0;

export function Related({ resource, record }: { resource: Resource; record: RecordData }) {
  const schema = useSchema();
  return (
    <>
      {resource.activities === true && <OpenTasks resource={resource} record={record} />}
      {resource.collection === 'customers' && <Relations record={record} />}
      {resource.collection === 'customers' && <Merges resource={resource} record={record} />}
      {relatedTo(schema, resource).map(({ other, field }) => (
        <RelatedList key={other.collection} other={other} field={field} record={record} />
      ))}
    </>
  );
}

function OpenTasks({ resource, record }: { resource: Resource; record: RecordData }) {
  const { t } = useTranslation();
  const schema = useSchema();
  const create = useCreate();
  const link = activityLink(schema, resource, record);
  const query = apiQuery({ [`filter[${link?.field.name ?? 'customerId'}][eq]`]: record.id, 'filter[kind][eq]': 'task', 'filter[done][ne]': 'true', sort: 'dueTime', limit: '20' });
  const { data } = useList('activities', query, link !== undefined);
  if (link === undefined) return null;
  const tasks = data?.pages[0]?.data ?? [];
  return (
    <section className={styles.section}>
      <Heading title={t('related.tasks')} add={link.activities.rights?.create === true ? () => create(link.activities, { ...link.known, kind: 'task' }) : undefined} addLabel={t('related.addTask')} />
      {tasks.length === 0 && <p className={styles.nothing}>{t('related.noTasks')}</p>}
      <ul className={styles.list}>
        {tasks.map((task) => (
          <li key={task.id} className={styles.task}>
            <DoneBox activity={task} />
            <div>
              <Link to={`/activities/${task.id}`}>{textOf(task['subject'])}</Link>
              {!isEmpty(task['dueTime']) && <p className={styles.meta}><DueTime time={textOf(task['dueTime'])} done={false} /></p>}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function RelatedList({ other, field, record }: { other: Resource; field: Field; record: RecordData }) {
  const { t } = useTranslation();
  const label = useLabel();
  const inline = useInlineLabel();
  const create = useCreate();
  const filter = `filter[${field.name}][eq]`;
  const { data } = useList(other.collection, apiQuery({ [filter]: record.id, limit: String(SHOWN) }));
  const rows = data?.pages[0]?.data ?? [];
  const more = data?.pages[0]?.page.next !== undefined;
  const mayCreate = other.rights?.create === true && other.readOnly !== true;
  const title = field.name === 'parentId' ? t('related.children') : label(other.plural);
  if (rows.length === 0 && !mayCreate) return null;
  return (
    <section className={styles.section}>
      <Heading title={title} add={mayCreate ? () => create(other, { [field.name]: record.id }) : undefined} addLabel={t('list.create', { name: inline(other.label) })} />
      {rows.length === 0 && data !== undefined && <p className={styles.nothing}>{t('related.none')}</p>}
      <ul className={styles.list}>
        {rows.map((row) => (
          <li key={row.id}>
            <Link to={`/${other.collection}/${row.id}`}>{textOf(row[other.title])}</Link>
            <RelatedDetail other={other} row={row} />
          </li>
        ))}
      </ul>
      {more && <Link to={`/${other.collection}?${filter}=${record.id}`}>{t('related.all')}</Link>}
    </section>
  );
}

// How to reach a person, or where a customer stands: one line under the name.
function RelatedDetail({ other, row }: { other: Resource; row: RecordData }) {
  const fields = ['jobTitle', 'phones', 'stage'].flatMap((name) => findField(other, name) ?? []).filter((field) => !isEmpty(row[field.name]));
  if (fields.length === 0) return null;
  return (
    <p className={styles.meta}>
      {fields.slice(0, 2).map((field) => (
        <FieldValue key={field.name} field={field} value={row[field.name]} />
      ))}
    </p>
  );
}

function Heading({ title, add, addLabel }: { title: string; add: (() => void) | undefined; addLabel: string }) {
  return (
    <div className={styles.heading}>
      <h2>{title}</h2>
      {add !== undefined && <Button size="small" type="text" icon={<PlusOutlined />} aria-label={addLabel} title={addLabel} onClick={add} />}
    </div>
  );
}
