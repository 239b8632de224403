import { Checkbox } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import type { RecordData } from '../api/records';
import { useSchema } from '../api/schema';
import { ReferenceName } from '../fields/ReferenceName';
import { isEmpty, textOf } from '../fields/values';
import { useFormats } from '../i18n/format';
import { KindIcon } from './KindIcon';
import { useEdit } from './EditProvider';
import styles from './Timeline.module.css';

export function ActivityItem({ activity }: { activity: RecordData }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const text = (name: string) => (isEmpty(activity[name]) ? undefined : textOf(activity[name]));
  const time = text('occurTime') ?? text('createTime') ?? '';
  const owner = text('ownerId');
  return (
    <>
      <KindIcon kind={text('kind') ?? 'note'} />
      <div className={styles.content}>
        <div className={styles.line}>
          {activity['kind'] === 'task' && <DoneBox activity={activity} />}
          <Link to={`/activities/${activity.id}`} className={styles.subject} data-done={activity['done'] === true}>
            {text('subject')}
          </Link>
        </div>
        {text('body') !== undefined && <p className={styles.body}>{text('body')}</p>}
        {text('outcome') !== undefined && <p className={styles.body}>{text('outcome')}</p>}
        <p className={styles.meta}>
          {owner !== undefined && <ReferenceName collection="users" id={owner} plain />}
          <time dateTime={time} title={formats.dateTime(time)}>{formats.ago(time)}</time>
          {text('dueTime') !== undefined && <DueTime time={text('dueTime') ?? ''} done={activity['done'] === true} />}
          {text('place') !== undefined && <span>{t('timeline.at', { place: text('place') })}</span>}
        </p>
      </div>
    </>
  );
}

export function DueTime({ time, done }: { time: string; done: boolean }) {
  const { t } = useTranslation();
  const formats = useFormats();
  const overdue = !done && new Date(time).getTime() < Date.now();
  return (
    <span className={overdue ? styles.overdue : undefined} title={formats.dateTime(time)}>
      {t(overdue ? 'task.overdue' : 'task.due', { time: formats.ago(time) })}
    </span>
  );
}

export function DoneBox({ activity }: { activity: RecordData }) {
  const { t } = useTranslation();
  const resource = useSchema().find('activities');
  const { save } = useEdit();
  if (resource === undefined) return null;
  return (
    <Checkbox
      checked={activity['done'] === true}
      disabled={resource.rights?.update !== true}
      aria-label={t('task.done', { name: textOf(activity['subject']) })}
      onChange={(event) => void save(resource, activity, { done: event.target.checked })}
    />
  );
}
