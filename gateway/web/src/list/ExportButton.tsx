// The list as it stands, with its filters and order, as a file: a job makes it, and tells when it is there.
import { DownloadOutlined } from '../ui/icons';
import { Button, Dropdown } from 'antd';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { newIdempotencyKey, request } from '../api/client';
import type { RecordData } from '../api/records';
import { findField, useSchema, type Resource } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import { useProblemText } from '../ui/ErrorState';
import { useToast } from '../ui/Toasts';
import { usePhone } from '../ui/useMediaQuery';
import type { Columns } from './columns';
import type { ListState } from './useListState';

interface Props {
  resource: Resource;
  method: string;
  state: ListState;
  columns: Columns;
}

export function ExportButton({ resource, method, state, columns }: Props) {
  const { t } = useTranslation();
  const label = useLabel();
  const schema = useSchema();
  const navigate = useNavigate();
  const phone = usePhone();
  const toast = useToast();
  const problemText = useProblemText();
  const jobs = schema.find('jobs');
  const format = jobs && findField(jobs, 'format');
  const formats = format === undefined ? [] : (schema.enumOf(format)?.values.filter(({ name }) => name !== 'unspecified') ?? []);

  const run = async (name: string, shown: boolean) => {
    const body = {
      format: name,
      filter: state.filters,
      sort: state.sort?.split(',') ?? [],
      ...(state.q === '' ? {} : { q: state.q }),
      ...(state.deleted ? { deleted: true } : {}),
      fields: shown ? columns.shown.map((field) => field.name) : [],
    };
    try {
      const { data } = await request<RecordData>('POST', `/api/v1/${method}`, { body, idempotencyKey: newIdempotencyKey() });
      navigate(`/jobs/${data.id}`);
    } catch (problem) {
      toast({ kind: 'error', text: problemText(problem) });
    }
  };
  // What is exact has every field; tables can also have the columns that the list shows.
  const items = formats.flatMap(({ name, label: text }) => [
    ...(name === 'ndjson' ? [] : [{ key: `${name} shown`, label: t('export.shown', { format: label(text) }), onClick: () => void run(name, true) }]),
    { key: name, label: t('export.all', { format: label(text) }), onClick: () => void run(name, false) },
  ]);
  return (
    <Dropdown trigger={['click']} placement="bottomRight" menu={{ items, 'aria-label': t('list.export', { name: label(resource.plural) }) }}>
      <Button icon={<DownloadOutlined />} aria-label={t('list.export')} aria-haspopup="menu">
        {phone ? null : t('list.export')}
      </Button>
    </Dropdown>
  );
}
