// Where the nodes of a graph stand: a column a step, each as near as can be to those of the column before that it is tied to.
import type { Graph, GraphNode } from './api';

export interface Placed extends GraphNode {
  x: number;
  y: number;
}

export const NODE = { width: 148, height: 38, columnGap: 84, rowGap: 14 };

export function place(graph: Graph): { nodes: Map<string, Placed>; width: number; height: number } {
  const columns: GraphNode[][] = [];
  for (const node of graph.nodes) (columns[node.depth ?? 0] ??= []).push(node);
  const tallest = Math.max(1, ...columns.map((column) => column.length));
  const step = NODE.height + NODE.rowGap;
  const height = tallest * step + NODE.rowGap;
  const nodes = new Map<string, Placed>();

  columns.forEach((column, depth) => {
    const weight = (node: GraphNode) => {
      const ends = (graph.edges ?? []).flatMap(({ from, to }) => (from === node.id ? [to] : to === node.id ? [from] : []));
      const known = ends.flatMap((id) => nodes.get(id)?.y ?? []);
      return known.length === 0 ? 0 : known.reduce((sum, y) => sum + y, 0) / known.length;
    };
    const ordered = column.map((node) => ({ node, at: weight(node) })).sort((a, b) => a.at - b.at);
    const top = (height - column.length * step + NODE.rowGap) / 2;
    ordered.forEach(({ node }, row) => nodes.set(node.id, { ...node, x: 8 + depth * (NODE.width + NODE.columnGap), y: top + row * step }));
  });
  return { nodes, width: 16 + columns.length * (NODE.width + NODE.columnGap) - NODE.columnGap, height };
}
