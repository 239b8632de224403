// Who and what a customer is tied to: a list to work with, a picture on demand.
import { DeleteOutlined, EditOutlined, PlusOutlined } from '../ui/icons';
import { Button, Segmented } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import type { RecordData } from '../api/records';
import { fetchRecord } from '../api/records';
import { useSchema, type Resource } from '../api/schema';
import { useLabel } from '../i18n/i18n';
import { useEdit } from '../record/EditProvider';
import { useProblemText } from '../ui/ErrorState';
import { useToast } from '../ui/Toasts';
import related from '../record/Related.module.css';
import { GRAPHS, useGraph, type Graph, type GraphEdge, type GraphNode } from './api';
import styles from './Relations.module.css';

const NEAR = 2; // its own relations and those of its contacts

const RelationForm = lazy(() => import('./RelationForm'));
const GraphDialog = lazy(() => import('./GraphDialog'));

// How a relation reads from `from`, or from its other end.
export function useEdgeLabel(): (edge: GraphEdge, seenFrom?: string) => string {
  const { t } = useTranslation();
  const label = useLabel();
  const schema = useSchema();
  const kind = schema.find('relationships')?.fields.find(({ name }) => name === 'kind');
  return (edge, seenFrom) => {
    if (edge.type === 'parent') return t(seenFrom === edge.from ? 'relations.subsidiary' : 'relations.parent');
    if (edge.type === 'contact') return t('relations.contact');
    const value = kind && schema.enumOf(kind)?.values.find(({ name }) => name === edge.kind);
    return label(seenFrom === edge.from ? (value?.inverse ?? value?.label) : value?.label);
  };
}

export function Relations({ record }: { record: RecordData }) {
  const { t } = useTranslation();
  const [form, setForm] = useState<{ existing?: RecordData } | null>(null); // a new one, or one that is edited
  const [picture, setPicture] = useState(false);
  const { data } = useGraph(record.id, NEAR);
  const client = useQueryClient();
  const refresh = () => void client.invalidateQueries({ queryKey: GRAPHS });
  const close = () => {
    setForm(null);
    refresh();
  };
  return (
    <section className={related.section}>
      <div className={related.heading}>
        <h2>{t('relations.title')}</h2>
        <span>
          {(data?.edges ?? []).length > 0 && <Segmented size="small" value="list" options={[{ value: 'list', label: t('relations.list') }, { value: 'chart', label: t('relations.asChart') }]} onChange={(value) => setPicture(value === 'chart')} />}
          <Button type="text" size="small" icon={<PlusOutlined />} aria-label={t('relations.add')} onClick={() => setForm({})} />
        </span>
      </div>
      {data !== undefined && <RelationList graph={data} id={record.id} refresh={refresh} edit={(existing) => setForm({ existing })} />}
      <Suspense fallback={null}>
        {form !== null && <RelationForm customerId={record.id} {...form} close={close} />}
        {picture && <GraphDialog id={record.id} close={() => setPicture(false)} />}
      </Suspense>
    </section>
  );
}

interface Act {
  refresh: () => void;
  edit: (relationship: RecordData) => void;
}

function RelationList({ graph, id, ...act }: { graph: Graph; id: string } & Act) {
  const { t } = useTranslation();
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const own = new Set([id, ...(graph.edges ?? []).flatMap(({ type, from, to }) => (type === 'contact' && from === id ? [to] : []))]);
  const edges = (graph.edges ?? []).filter(({ type, from, to }) => (type === 'relationship' ? own.has(from) || own.has(to) : type === 'parent' && (from === id || to === id)));
  if (edges.length === 0) return <p className={related.nothing}>{t('relations.none')}</p>;
  return (
    <ul className={related.list}>
      {edges.map((edge) => {
        const here = own.has(edge.from) ? edge.from : edge.to;
        const other = nodes.get(here === edge.from ? edge.to : edge.from);
        const who = here === id ? undefined : nodes.get(here);
        return other === undefined ? null : <RelationItem key={`${edge.type}${edge.relationshipId ?? other.id}`} edge={edge} other={other} here={here} who={who} {...act} />;
      })}
    </ul>
  );
}

function RelationItem({ edge, other, here, who, refresh, edit }: { edge: GraphEdge; other: GraphNode; here: string; who: GraphNode | undefined } & Act) {
  const { t } = useTranslation();
  const labelOf = useEdgeLabel();
  const schema = useSchema();
  const { remove } = useEdit();
  const toast = useToast();
  const problemText = useProblemText();
  const relationship = edge.relationshipId;
  const resource = schema.find('relationships');
  const withIt = async (act: (resource: Resource, record: RecordData) => unknown) => {
    if (relationship === undefined || resource === undefined) return;
    try {
      await act(resource, await fetchRecord('relationships', relationship));
    } catch (error) {
      toast({ kind: 'error', text: problemText(error) });
      refresh();
    }
  };
  const drop = async (resource: Resource, record: RecordData) => {
    await remove(resource, [record]);
    refresh();
  };
  return (
    <li className={styles.relation}>
      <span>
        <Link to={`/${other.collection}/${other.id}`}>{other.name}</Link>
        <span className={related.meta}>
          {who !== undefined && <span>{who.name}</span>}
          <span>{labelOf(edge, edge.from === here && who !== undefined ? undefined : here)}</span>
          {edge.startDate !== undefined && <span>{t('relations.since', { date: edge.startDate })}</span>}
          {edge.endDate !== undefined && <span>{t('relations.until', { date: edge.endDate })}</span>}
          {edge.note !== undefined && <span>{edge.note}</span>}
        </span>
      </span>
      {relationship !== undefined && resource?.rights?.update === true && (
        <span>
          <Button type="text" size="small" icon={<EditOutlined />} aria-label={t('relations.edit', { name: other.name })} onClick={() => void withIt((_, record) => edit(record))} />
          <Button type="text" size="small" icon={<DeleteOutlined />} aria-label={t('relations.remove', { name: other.name })} onClick={() => void withIt(drop)} />
        </span>
      )}
    </li>
  );
}
