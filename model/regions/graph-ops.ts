/** A few ops with their shapes as plain arguments, for networks written node by node. */
import type { Graph } from '../runtime/graph.ts';
import { type Attribute, bool, int, type Output, type } from '../runtime/graph-node.ts';

export const f32: Attribute = type('float32');
export const i32: Attribute = type('int32');

export function reshape(graph: Graph, name: string, from: Output, size: readonly number[], T: Attribute): Output {
  return graph.add(name, 'Reshape', [from, graph.integers(`${name}/shape`, size)], { T, Tshape: i32 });
}

/** [B, N, …] at [B, K] gives [B, K, …]. */
export function gatherEach(graph: Graph, name: string, from: Output, at: Output, T: Attribute): Output {
  return graph.add(name, 'GatherV2', [from, at, graph.integer(`${name}/axis`, 1)], {
    Tparams: T,
    Tindices: i32,
    Taxis: i32,
    batch_dims: int(1),
  });
}

export function toFloat(graph: Graph, name: string, from: Output): Output {
  return graph.add(name, 'Cast', [from], { SrcT: i32, DstT: f32 });
}

/** The mean over rows and columns: [N, Y, X, C] gives [N, C]. */
export function meanOverPlaces(graph: Graph, name: string, map: Output): Output {
  const axes = graph.integers(`${name}/axes`, [1, 2]);
  return graph.add(name, 'Mean', [map, axes], { T: f32, Tidx: i32, keep_dims: bool(false) });
}

/** Joins [N, A], [N, B], … to [N, A + B + …]. */
export function joinFeatures(graph: Graph, name: string, parts: readonly Output[]): Output {
  if (parts.length === 1) return parts[0]!;
  const axis = graph.integer(`${name}/axis`, 1);
  return graph.add(name, 'ConcatV2', [...parts, axis], { T: f32, Tidx: i32, N: int(parts.length) });
}
