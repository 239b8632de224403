import { ImportOutlined, PlusOutlined, SearchOutlined } from '../ui/icons';
import { Button, Input, type InputRef } from 'antd';
import { useEffect, useRef, useState, type RefObject } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import type { Page } from '../api/records';
import type { Resource } from '../api/schema';
import { featureOf } from '../app/features';
import { useCreate } from '../form/CreateProvider';
import { useFormats } from '../i18n/format';
import { useInlineLabel, useLabel } from '../i18n/i18n';
import { useDebounced } from '../ui/useDelayed';
import { usePhone } from '../ui/useMediaQuery';
import type { Columns } from './columns';
import { ExportButton } from './ExportButton';
import styles from './List.module.css';
import type { ListState } from './useListState';

const DEBOUNCE_MS = 120;

interface Props {
  resource: Resource;
  state: ListState;
  first: Page['page'] | undefined;
  search: RefObject<HTMLInputElement>;
  columns: Columns;
}

export function ListHeader({ resource, state, first, search, columns }: Props) {
  const { t } = useTranslation();
  const label = useLabel();
  const inline = useInlineLabel();
  const formats = useFormats();
  const navigate = useNavigate();
  const create = useCreate();
  const phone = usePhone();
  const mayCreate = resource.rights?.create === true && resource.readOnly !== true;
  const { exportMethod } = featureOf(resource.collection);
  const total = first?.total === undefined ? undefined : formats.number(BigInt(first.total));

  return (
    <header className={styles.header}>
      <h1 className={styles.title}>
        {label(resource.plural)}
        {total !== undefined && <span className={styles.count}>{first?.totalIsBound === true ? t('list.atLeast', { number: total }) : total}</span>}
      </h1>
      {resource.fields.some((field) => field.search === true) && <SearchBox state={state} search={search} label={t('list.search', { name: inline(resource.plural) })} />}
      <div className={styles.actions}>
        {exportMethod !== undefined && <ExportButton resource={resource} method={exportMethod} state={state} columns={columns} />}
        {mayCreate && featureOf(resource.collection).importMethod !== undefined && (
          <Button icon={<ImportOutlined />} aria-label={t('list.import')} onClick={() => navigate(`/${resource.collection}/import`)}>
            {phone ? null : t('list.import')}
          </Button>
        )}
        {mayCreate && (
          <Button type="primary" icon={<PlusOutlined />} aria-label={t('list.create', { name: inline(resource.label) })} onClick={() => create(resource)}>
            {phone ? null : t('list.create', { name: inline(resource.label) })}
          </Button>
        )}
      </div>
    </header>
  );
}

function SearchBox({ state, search, label }: { state: ListState; search: RefObject<HTMLInputElement>; label: string }) {
  const [text, setText] = useState(state.q);
  const [composing, setComposing] = useState(false);
  const box = useRef<InputRef>(null);
  const settled = useDebounced(text, DEBOUNCE_MS);
  const { q, setQ } = state;
  const told = useRef(q); // what the URL last heard from here

  useEffect(() => {
    if (composing || settled.trim() === told.current) return;
    told.current = settled.trim();
    setQ(told.current);
  }, [settled, composing, setQ]);
  useEffect(() => {
    if (q === told.current) return;
    told.current = q;
    setText(q); // changed from outside: the back button, "clear"
  }, [q]);
  useEffect(() => {
    (search as { current: HTMLInputElement | null }).current = box.current?.input ?? null;
  });

  return (
    <Input
      ref={box}
      className={styles.search}
      type="search"
      prefix={<SearchOutlined />}
      allowClear
      aria-label={label}
      placeholder={label}
      value={text}
      onChange={(event) => setText(event.target.value)}
      onCompositionStart={() => setComposing(true)}
      onCompositionEnd={() => setComposing(false)}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !event.nativeEvent.isComposing) box.current?.blur();
      }}
    />
  );
}
