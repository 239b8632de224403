import { Button } from 'antd';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import type { Resource } from '../api/schema';
import { featureOf } from '../app/features';
import { useCreate } from '../form/CreateProvider';
import { useInlineLabel } from '../i18n/i18n';
import styles from './List.module.css';

// What this is for, and the first step. With a filter on: that nothing matches, and how to see everything again.
export function EmptyState({ resource, filtered, clear }: { resource: Resource; filtered: boolean; clear: () => void }) {
  const { t } = useTranslation();
  const inline = useInlineLabel();
  const navigate = useNavigate();
  const create = useCreate();
  const { purpose, importMethod, sample } = featureOf(resource.collection);
  const mayCreate = resource.rights?.create === true && resource.readOnly !== true;

  if (filtered)
    return (
      <div className={styles.emptyState}>
        <h2>{t('list.nothingMatches')}</h2>
        <Button onClick={clear}>{t('list.showAll')}</Button>
      </div>
    );
  return (
    <div className={styles.emptyState}>
      <h2>{t('list.none', { name: inline(resource.plural) })}</h2>
      {purpose !== undefined && <p>{t(purpose)}</p>}
      <div className={styles.actions}>
        {mayCreate && (
          <Button type="primary" onClick={() => create(resource)}>
            {t('list.create', { name: inline(resource.label) })}
          </Button>
        )}
        {mayCreate && importMethod !== undefined && (
          <>
            <Button onClick={() => navigate(`/${resource.collection}/import`)}>{t('list.importFile')}</Button>
            {sample === true && (
              <Button type="link" onClick={() => navigate(`/${resource.collection}/import?sample=true`)}>
                {t('list.sample')}
              </Button>
            )}
          </>
        )}
      </div>
    </div>
  );
}
