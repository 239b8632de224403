import { ArrowLeftOutlined, DeleteOutlined, EllipsisOutlined, KeyOutlined } from '../ui/icons';
import { Button, Dropdown } from 'antd';
import { lazy, Suspense } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate, useSearchParams } from 'react-router-dom';
import type { RecordData } from '../api/records';
import { findField, type Resource } from '../api/schema';
import { FieldValue } from '../fields/FieldValue';
import { isEmpty } from '../fields/values';
import { useInlineLabel } from '../i18n/i18n';
import { Completeness } from '../relations/Completeness';
import { useListPath } from '../shell/shellContext';
import { useEdit } from './EditProvider';
import styles from './Record.module.css';

const SetPassword = lazy(() => import('../session/SetPassword'));

export function RecordHeader({ resource, record, title }: { resource: Resource; record: RecordData; title: string }) {
  const { t } = useTranslation();
  const inline = useInlineLabel();
  const navigate = useNavigate();
  const listPath = useListPath();
  const { remove } = useEdit();
  const [search, setSearch] = useSearchParams();
  const settingPassword = search.get('setPassword') === 'true';
  const setSettingPassword = (on: boolean) => setSearch(on ? { setPassword: 'true' } : {}, { replace: true });
  const mayDelete = resource.rights?.delete === true && resource.readOnly !== true && isEmpty(record['deleteTime']);
  const maySetPassword = resource.collection === 'users' && resource.rights?.update === true;
  const tags = ['stage', 'state', 'role', 'categoryIds'].flatMap((name) => findField(resource, name) ?? []).filter((field) => !isEmpty(record[field.name]));

  const items = [
    ...(maySetPassword ? [{ key: 'password', icon: <KeyOutlined />, label: t('password.set') }] : []),
    ...(mayDelete ? [{ key: 'delete', icon: <DeleteOutlined />, danger: true, label: t('common.delete') }] : []),
  ];
  const run = (key: string) => {
    if (key === 'password') setSettingPassword(true);
    else {
      void remove(resource, [record]);
      navigate(listPath(resource.collection));
    }
  };
  return (
    <header className={styles.header}>
      <Link to={listPath(resource.collection)} className={styles.back} aria-label={t('record.back', { name: inline(resource.plural) })}>
        <ArrowLeftOutlined />
      </Link>
      <h1 className={styles.title}>{title}</h1>
      {tags.map((field) => (
        <FieldValue key={field.name} field={field} value={record[field.name]} />
      ))}
      <Completeness resource={resource} record={record} />
      <span className={styles.spring} />
      {items.length > 0 && (
        <Dropdown trigger={['click']} menu={{ items, onClick: ({ key }) => run(key) }}>
          <Button type="text" icon={<EllipsisOutlined />} aria-label={t('record.actions')} aria-haspopup="menu" />
        </Dropdown>
      )}
      <Suspense fallback={null}>{settingPassword && <SetPassword user={record} close={() => setSettingPassword(false)} />}</Suspense>
    </header>
  );
}
