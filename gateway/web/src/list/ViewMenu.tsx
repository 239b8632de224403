import { Button, Dropdown } from 'antd';
import { useTranslation } from 'react-i18next';
import { EllipsisOutlined } from '../ui/icons';

type Action = 'saveAs' | 'edit' | 'discard' | 'first' | 'left' | 'right' | 'remove';

interface Props {
  name: string;
  mine: boolean; // may be changed by this person
  own: boolean;
  changed: boolean;
  first: boolean; // the list opens with it
  run: Record<Action, () => void>;
}

export function ViewMenu({ name, mine, own, changed, first, run }: Props) {
  const { t } = useTranslation();
  const items: { key: Action; label: string; danger?: boolean }[] = [
    ...(changed ? [{ key: 'discard' as const, label: t('view.discard') }] : []),
    { key: 'saveAs', label: t('view.saveAs') },
    ...(mine ? [{ key: 'edit' as const, label: t('view.edit') }] : []),
    { key: 'first', label: t(first ? 'view.notFirst' : 'view.first') },
    ...(own ? [{ key: 'left' as const, label: t('view.left') }, { key: 'right' as const, label: t('view.right') }] : []),
    ...(mine ? [{ key: 'remove' as const, label: t('common.delete'), danger: true }] : []),
  ];
  return (
    <Dropdown trigger={['click']} menu={{ items, onClick: ({ key }) => run[key as Action]() }}>
      <Button size="small" type="text" icon={<EllipsisOutlined />} aria-label={t('view.menu', { name })} aria-haspopup="menu" />
    </Dropdown>
  );
}
