// Chooses a record of another collection: type a name, pinyin or initials; the server searches.
import { Select } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { query as apiQuery } from '../api/query';
import { useList, useRecord } from '../api/records';
import { useSchema } from '../api/schema';
import { selectProps, type InputProps } from '../ui/Field';
import { useDebounced } from '../ui/useDelayed';
import { textOf } from './values';

interface Props {
  collection: string;
  value: string | undefined;
  onChange: (id: string | undefined) => void;
  input: InputProps;
  autoFocus?: boolean;
  open?: boolean;
  clearable?: boolean;
}

const OPTIONS_LIMIT = 20;
const DEBOUNCE_MS = 120;

export function ReferenceSelect({ collection, value, onChange, input, autoFocus, open = false, clearable = true }: Props) {
  const { t } = useTranslation();
  const title = useSchema().find(collection)?.title ?? 'name';
  const [isOpen, setOpen] = useState(open);
  const [text, setText] = useState('');
  const q = useDebounced(text.trim(), DEBOUNCE_MS);
  const query = apiQuery({ ...(q === '' ? {} : { q }), limit: String(OPTIONS_LIMIT) });
  const { data, isFetching } = useList(collection, query, isOpen);
  const current = useRecord(collection, value).data;

  const found = data?.pages[0]?.data ?? [];
  const records = current !== undefined && q === '' && !found.some(({ id }) => id === current.id) ? [current, ...found] : found;
  return (
    <Select
      {...selectProps(input)}
      showSearch
      autoFocus={autoFocus}
      open={isOpen}
      onOpenChange={setOpen}
      filterOption={false}
      allowClear={clearable}
      loading={isFetching}
      placeholder={t('field.searchReference')}
      notFoundContent={isFetching ? null : t('field.nothingFound')}
      value={value === '' ? undefined : value}
      options={records.map((record) => ({ value: record.id, label: textOf(record[title]) }))}
      onSearch={setText}
      onChange={(id: string | undefined) => onChange(id)}
      labelRender={({ label }) => label ?? textOf(current?.[title])}
    />
  );
}
