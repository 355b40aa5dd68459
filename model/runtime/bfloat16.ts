/**
 * How a traced op becomes nodes of a graph, in float32 or with its matrix products in bfloat16. A product then takes operands
 * rounded to bfloat16 and gives a rounded result, summed in float32 inside TensorFlow; everything else stays float32. Ops between
 * two products that only move numbers (reshape, transpose) move the rounded ones, half the bytes: the same numbers, since rounding
 * twice is rounding once.
 */
import type { Graph } from './graph.ts';
import { type Attribute, type GraphNode, type Output, type } from './graph-node.ts';

/** Adds a node with `outputs` outputs of `elements` elements each; returns the outputs in the type they had, such as float32. */
export type AddNode = (node: GraphNode, outputs: number, elements: number) => Output[];

const portOf = (name: string, port: number): Output => (port === 0 ? name : `${name}:${port}`);
const ports = (name: string, count: number): Output[] => Array.from({ length: count }, (_, port) => portOf(name, port));

/** Adds nodes as they are. Both adders keep in `elements` how many elements each node's outputs have. */
export const float32Adder =
  (graph: Graph, elements: Map<string, number>): AddNode =>
  ({ name, op, input, attr, device }, outputs, count) => {
    elements.set(name, count);
    return ports(graph.add(name, op, input, attr, device), outputs);
  };

const products: ReadonlySet<string> = new Set(['BatchMatMul', 'BatchMatMulV2']);

/** Ops that only move numbers, and how many of their inputs, from the first, hold numbers; the other inputs say where those go. */
const movements: ReadonlyMap<string, number> = new Map([
  ['Pack', Number.POSITIVE_INFINITY],
  ['Reshape', 1],
  ['Transpose', 1],
  ['Unpack', 1],
]);

/** Adds nodes with their matrix products in bfloat16. */
export function bfloat16Adder(graph: Graph, elements: Map<string, number>): AddNode {
  const [full, half] = [type('float32'), type('bfloat16')];
  /** Outputs in bfloat16 by the ones in float32 that they are, rounded. */
  const rounded = new Map<Output, Output>();
  /** Those of them in float32 that were made from the ones in bfloat16, so that both have the same numbers. */
  const exact = new Set<Output>();
  /** Movements of numbers that are not rounded yet, by their outputs. */
  const moved = new Map<Output, { node: GraphNode; port: number }>();
  const isFull = ({ T }: Readonly<Record<string, Attribute>>) => T?.type === full.type;

  const inputs = ({ op, input }: GraphNode) =>
    input.map((one, index) => (index < (movements.get(op) ?? input.length) && !one.startsWith('^') ? round(one) : one));

  function round(output: Output): Output {
    const known = rounded.get(output);
    if (known) return known;
    const movement = moved.get(output);
    let made: Output;
    if (movement) {
      const { node, port } = movement;
      const name = `${node.name}/half`;
      if (!graph.has(name)) addRounded(node, elements.get(node.name) ?? 0);
      made = portOf(name, port);
    } else {
      const name = `${output.replace(':', '/port')}/half`;
      elements.set(name, elements.get(output.replace(/:.*/, '')) ?? 0);
      // A variable or an input may have been rounded for a node of another trace.
      // Where the number is, so that half the bytes go to another device.
      const device = graph.deviceOf(output.replace(/:.*/, ''));
      made = graph.has(name) ? name : graph.add(name, 'Cast', [output], { SrcT: full, DstT: half }, device);
    }
    rounded.set(output, made);
    return made;
  }

  function addRounded(node: GraphNode, count: number): string {
    const name = `${node.name}/half`;
    elements.set(name, count);
    return graph.add(name, node.op, inputs(node), { ...node.attr, T: half }, node.device);
  }

  return (node, outputs, count) => {
    const moves = movements.has(node.op) && isFull(node.attr);
    const product = products.has(node.op);
    elements.set(node.name, count);
    const sources = node.input.slice(0, movements.get(node.op));
    if (!product && !(moves && sources.every((one) => exact.has(one)))) {
      const made = ports(graph.add(node.name, node.op, node.input, node.attr, node.device), outputs);
      if (moves) {
        made.forEach((output, port) => {
          moved.set(output, { node, port });
        });
      }
      return made;
    }
    const from = addRounded(node, count);
    return ports(node.name, outputs).map((output, port) => {
      const name = output.replace(':', '/port');
      elements.set(name, count);
      graph.add(name, 'Cast', [portOf(from, port)], { SrcT: half, DstT: full }, node.device);
      rounded.set(name, portOf(from, port));
      exact.add(name);
      return name;
    });
  };
}
