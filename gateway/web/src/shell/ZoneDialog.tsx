// In which time zone times are shown and entered. The device's is the usual one; who works for another place chooses that.
import { Modal, Select } from 'antd';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { changeSettings, useSettings } from '../app/settings';
import { useFormats } from '../i18n/format';
import { deviceZone } from '../i18n/zone';
import { useOverlay, useShortcuts } from '../keyboard/shortcuts';
import { Field, selectProps } from '../ui/Field';
import styles from './HelpDialog.module.css';

const LOCALES = { en: 'en-GB', zh: 'zh-CN' };

// "Asia/Shanghai" with what the language in use calls it and how far it is from Greenwich.
function zoneName(zone: string, locale: string): string {
  const part = (timeZoneName: 'longGeneric' | 'shortOffset') => new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName }).formatToParts(new Date()).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  return `${zone.replaceAll('_', ' ')} · ${part('longGeneric')} · ${part('shortOffset')}`;
}

export default function ZoneDialog({ close }: { close: () => void }) {
  const { t } = useTranslation();
  const { language, timeZone } = useSettings();
  const formats = useFormats();
  useOverlay(true);
  useShortcuts({ Escape: close }, true);
  const options = useMemo(() => {
    const name = (zone: string) => zoneName(zone, LOCALES[language]);
    return [{ value: '', label: t('settings.timeZone.device', { zone: name(deviceZone()) }) }, ...Intl.supportedValuesOf('timeZone').map((zone) => ({ value: zone, label: name(zone) }))];
  }, [language, t]);
  return (
    <Modal open title={t('settings.timeZone')} footer={null} onCancel={close} width={520}>
      <Field label={t('settings.timeZone.use')} help={t('settings.timeZone.now', { time: formats.dateTime(Date.now()) })}>
        {(input) => <Select {...selectProps(input)} className={styles.zone} showSearch optionFilterProp="label" value={timeZone} options={options} onChange={(zone: string) => changeSettings({ timeZone: zone })} />}
      </Field>
    </Modal>
  );
}
