/**
 * What is large of a call, its halves, on the device before the call begins. A run of its own, in another thread and while the call before
 * still computes, puts it into a staging area of the graph (TensorFlow's Stage), and the call takes it from there (Unstage). Areas are first
 * in, first out; each holds one array at most beside the one in use.
 */
import type { FedArray } from './array.ts';
import { type Graph, halfBytes } from './graph.ts';
import { dataType, type Output, string, tensor, type } from './graph-node.ts';
import type { RunningGraph } from './running-graph.ts';

/** The area of an input's arrays of one shape; also the node to feed with what goes there. Traces of other inputs share it. */
export const areaOf = (input: string, shape: readonly number[]): string => `ahead/${input}/${shape.join('x')}`;

/** Fetching it puts there what is fed. */
const stagedNode = (area: string): Output => `${area}/staged`;
/** Fetching it throws away what came first. */
const droppedNode = (area: string): Output => `${area}/dropped`;

/** Adds an area, if the graph lacks it, and gives what comes out of it, as float32. */
export function addArea(graph: Graph, input: string, shape: readonly number[]): Output {
  const area = areaOf(input, shape);
  const floats = `${area}/floats`;
  if (graph.has(floats)) return floats;
  const bytes = [...shape, halfBytes];
  const settings = { dtypes: { list: { type: [dataType.uint8] } }, shared_name: string(area), container: string('') };
  const after = (name: Output, done: Output): Output => {
    const one = tensor(dataType.int32, [], Buffer.from(Int32Array.of(1).buffer));
    return graph.add(name, 'Const', [`^${done}`], { dtype: type('int32'), value: one });
  };
  graph.placeholder(area, 'uint8', bytes);
  after(stagedNode(area), graph.add(`${area}/stage`, 'Stage', [area], settings));
  const taken = graph.add(`${area}/unstage`, 'Unstage', [], settings);
  after(droppedNode(area), taken);
  // Unstage does not say what shape it gives, by which TensorFlow's optimiser goes.
  const size = graph.integers(`${area}/shape`, bytes);
  const shaped = graph.add(`${area}/shaped`, 'Reshape', [taken, size], { T: type('uint8'), Tshape: type('int32') });
  return graph.floatsOfHalves(floats, shaped);
}

interface Ahead {
  readonly array: FedArray;
  readonly done: Promise<void>;
}

/** What lies in the areas of a running graph. */
export class Staging {
  readonly #graph: RunningGraph;
  readonly #areas: ReadonlySet<string>;
  readonly #ahead = new Map<string, Ahead>();
  /** The last thing that was sent to each area. */
  readonly #sent = new Map<string, Promise<void>>();
  #underWay = 0;

  /** `areas` are those that the graph has. */
  constructor(graph: RunningGraph, areas: Iterable<string>) {
    this.#graph = graph;
    this.#areas = new Set(areas);
  }

  /** Begins to bring an array, once what has been called now is under way; nothing where the graph has no area for it, or another one is on its way to it. What fails is told by `bring`. */
  prepare(input: string, array: FedArray): void {
    const area = areaOf(input, array.shape);
    if (!this.#areas.has(area) || this.#ahead.has(area)) return;
    const soon = new Promise((resolve) => setImmediate(resolve));
    const done = this.#inTurn(area, async () => {
      await soon;
      await this.#send(area, array);
    });
    done.catch(() => {});
    this.#ahead.set(area, { array, done });
  }

  /** An array is the next one to come out of its area when this is done. */
  bring(input: string, array: FedArray): Promise<void> {
    const area = areaOf(input, array.shape);
    const ahead = this.#ahead.get(area);
    this.#ahead.delete(area);
    if (ahead?.array === array) return ahead.done;
    return this.#inTurn(area, async () => {
      if (ahead) {
        await ahead.done;
        await this.#graph.runLater({}, [droppedNode(area)]);
      }
      await this.#send(area, array);
    });
  }

  /** Whether something is on its way. */
  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  /** When nothing is on its way any more. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#sent.values());
  }

  /** One after the other, as they were asked for: what two threads bring at once could lie there in either order. */
  #inTurn(area: string, work: () => Promise<void>): Promise<void> {
    const before = this.#sent.get(area) ?? Promise.resolve();
    this.#underWay += 1;
    const sent = before
      .catch(() => {})
      .then(work)
      .finally(() => {
        this.#underWay -= 1;
      });
    this.#sent.set(area, sent);
    return sent;
  }

  async #send(area: string, array: FedArray): Promise<void> {
    await this.#graph.runLater({ [area]: array }, [stagedNode(area)]);
  }
}
