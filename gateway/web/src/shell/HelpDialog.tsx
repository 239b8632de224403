import { Modal } from 'antd';
import { useTranslation } from 'react-i18next';
import { SHORTCUT_HELP, useOverlay, useShortcuts } from '../keyboard/shortcuts';
import styles from './HelpDialog.module.css';

export default function HelpDialog({ close }: { close: () => void }) {
  const { t } = useTranslation();
  useOverlay(true);
  useShortcuts({ Escape: close }, true); // also before the dialog has taken the focus
  const groups = [...new Set(SHORTCUT_HELP.map((shortcut) => shortcut.group))];
  return (
    <Modal open title={t('help.title')} footer={null} onCancel={close} width={560}>
      <div className={styles.groups}>
        {groups.map((group) => (
          <section key={group}>
            <h3 className={styles.heading}>{t(group)}</h3>
            <dl className={styles.list}>
              {SHORTCUT_HELP.filter((shortcut) => shortcut.group === group).map((shortcut) => (
                <div key={shortcut.text} className={styles.row}>
                  <dt>{t(shortcut.text)}</dt>
                  <dd>
                    {shortcut.keys.map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Modal>
  );
}
