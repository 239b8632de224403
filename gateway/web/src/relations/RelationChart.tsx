// The picture of a customer's relations. The list beside it says the same to those who do not see it.
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import type { Graph, GraphEdge } from './api';
import { NODE, place, type Placed } from './chart';
import styles from './Relations.module.css';

interface Props {
  graph: Graph;
  labelOf: (edge: GraphEdge) => string;
}

export default function RelationChart({ graph, labelOf }: Props) {
  const { t } = useTranslation();
  const { nodes, width, height } = place(graph);
  return (
    <div className={styles.chart} tabIndex={0} role="group" aria-label={t('relations.chart')}>
      <svg width={width} height={height} aria-hidden="true">
        {(graph.edges ?? []).map((edge, index) => {
          const [from, to] = [nodes.get(edge.from), nodes.get(edge.to)];
          return from === undefined || to === undefined ? null : <Line key={index} from={from} to={to} label={labelOf(edge)} dashed={edge.type === 'relationship'} />;
        })}
      </svg>
      {[...nodes.values()].map((node) => (
        <Link key={node.id} to={`/${node.collection}/${node.id}`} className={styles.node} data-collection={node.collection} data-centre={(node.depth ?? 0) === 0} style={{ left: node.x, top: node.y, width: NODE.width, height: NODE.height }} title={node.name}>
          <b>{node.name}</b>
          {node.title !== undefined && <small>{node.title}</small>}
        </Link>
      ))}
    </div>
  );
}

function Line({ from, to, label, dashed }: { from: Placed; to: Placed; label: string; dashed: boolean }) {
  const [left, right] = from.x <= to.x ? [from, to] : [to, from];
  const sameColumn = left.x === right.x;
  const x1 = left.x + NODE.width;
  const x2 = sameColumn ? right.x + NODE.width : right.x;
  const [y1, y2] = [left.y + NODE.height / 2, right.y + NODE.height / 2];
  const bend = sameColumn ? x1 + 30 : (x1 + x2) / 2;
  const path = sameColumn ? `M${x1},${y1} C${bend},${y1} ${bend},${y2} ${x2},${y2}` : `M${x1},${y1} C${bend},${y1} ${bend},${y2} ${x2},${y2}`;
  return (
    <>
      <path d={path} className={styles.line} data-dashed={dashed} />
      <text x={sameColumn ? bend - 6 : bend} y={sameColumn ? (y1 + 3 * y2) / 4 : (y1 + y2) / 2 - 3} className={styles.lineText}>{label}</text>
    </>
  );
}
