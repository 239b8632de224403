import { CheckSquareOutlined, EditOutlined, EnvironmentOutlined, FileTextOutlined, MailOutlined, PhoneOutlined, TeamOutlined } from '../ui/icons';
import type { ComponentType } from 'react';
import styles from './Timeline.module.css';

const ICONS: Record<string, ComponentType | undefined> = {
  note: FileTextOutlined,
  call: PhoneOutlined,
  mail: MailOutlined,
  meeting: TeamOutlined,
  visit: EnvironmentOutlined,
  task: CheckSquareOutlined,
  change: EditOutlined,
};

export function PlainKindIcon({ kind }: { kind: string }) {
  const Icon = ICONS[kind] ?? FileTextOutlined;
  return <Icon />;
}

export function KindIcon({ kind }: { kind: string }) {
  return (
    <span className={styles.icon} data-kind={kind} aria-hidden="true">
      <PlainKindIcon kind={kind} />
    </span>
  );
}
