/** How much memory a training step takes, told from its graph without running it. */
import { fullBatch } from '../data/full-batch.ts';
import type { ModelConfig } from '../net/config.ts';
import type { MatchingForm } from '../net/cost.ts';
import type { ObjectiveWeights } from '../net/objective.ts';
import { parameterSpecs } from '../net/parameters.ts';
import { elementCount } from '../runtime/array.ts';
import { comesAhead, graphOf, outputNode } from '../runtime/compile.ts';
import { peakBytes } from '../runtime/graph-memory.ts';
import { adamW, gradientSums } from '../runtime/optimizer.ts';
import { frozenOf } from '../runtime/parameter.ts';
import { trace } from '../runtime/trace.ts';
import { type Arrays, type ExecutableOptions, type Precision, variableShapes } from '../runtime/traced-function.ts';
import { pretrainLoss } from './pretrain.ts';
import { prepareUpdate, updateFunctions } from './update.ts';

export interface StepSetup extends MatchingForm {
  readonly config: ModelConfig;
  readonly objectives: ObjectiveWeights;
  /** Pairs of a batch. */
  readonly batchSize: number;
  readonly accumulate?: number;
  readonly precision?: Precision;
  readonly recompute?: boolean;
  /** 0: none; see `TrainOptions`. */
  readonly ema?: number;
  /** See `TrainOptions`. */
  readonly stagesAhead?: boolean;
}

export interface StepMemory {
  /** Parameters, the optimiser's means, averages, and sums of gradients where several batches make one update. */
  readonly stateBytes: number;
  /** What is fed. */
  readonly inputBytes: number;
  /** What is fed ahead: the features of the next batch. 0 where nothing is. */
  readonly aheadBytes: number;
  /** What is computed in a step, gradients among it, at its peak. */
  readonly stepBytes: number;
}

/** All of it at once. */
export const bytesOfStep = ({ stateBytes, inputBytes, aheadBytes, stepBytes }: StepMemory): number =>
  stateBytes + inputBytes + aheadBytes + stepBytes;

const special = { padId: 0, clsId: 2, sepId: 3, maskId: 4 };

/** What a pretraining step is made of, for whoever runs or looks at one without a run. */
export function pretrainStep(setup: StepSetup) {
  const { config, objectives, accumulate = 1, hardNegatives = false, cleanMatching = false } = setup;
  const parameters = parameterSpecs(config, { itc: objectives.itc > 0 });
  const loss = pretrainLoss({ config, special, objectives });
  const collation = { task: 'pretrain' as const, ...{ config, special, objectives, hardNegatives, cleanMatching } };
  const options = {
    parameters: accumulate > 1 ? [...parameters, ...gradientSums(parameters)] : parameters,
    functions: updateFunctions(
      loss,
      { dropout: config.dropout, optimizer: adamW, frozen: frozenOf(parameters) },
      accumulate,
    ),
    optimizer: { ...adamW, ...((setup.ema ?? 0) > 0 && { averageDecay: setup.ema }) },
    precision: setup.precision ?? 'f32',
    recompute: setup.recompute ?? false,
    stagesAhead: setup.stagesAhead ?? false,
  } satisfies ExecutableOptions;
  const batchOf = (batch: number): Arrays =>
    fullBatch({ ...collation, maxOverlap: 0.4 }, config, setup.batchSize, batch);
  return { options, batchOf };
}

/** Of a step at full length, without XLA. */
export function stepMemory(setup: StepSetup): StepMemory {
  const { options, batchOf } = pretrainStep(setup);
  const traces: { name: string; inputs: Arrays }[] = [];
  prepareUpdate({ prepare: (name, inputs) => void traces.push({ name, inputs }) }, batchOf(0), {
    accumulate: setup.accumulate ?? 1,
    peers: 0,
  });
  const costs = traces.map(({ name, inputs }) => {
    const traced = trace(options.functions[name]!, inputs, options);
    const { graph, elements } = graphOf(new Map([[name, traced]]), options);
    const fetched = [...traced.outputs.keys()].map((output) => outputNode(name, output));
    const ahead = [...traced.inputs].filter(([, form]) => comesAhead(form, traced, options));
    return {
      stepBytes: peakBytes(graph.nodes(), elements, fetched),
      aheadBytes: ahead.reduce((sum, [input]) => sum + inputs[input]!.values.byteLength, 0),
    };
  });
  const state = [...variableShapes(options).values()].reduce((sum, shape) => sum + elementCount(shape), 0);
  return {
    stateBytes: 4 * state,
    inputBytes: Object.values(traces[0]!.inputs).reduce((sum, { values }) => sum + values.byteLength, 0),
    aheadBytes: Math.max(...costs.map(({ aheadBytes }) => aheadBytes)),
    stepBytes: Math.max(...costs.map(({ stepBytes }) => stepBytes)),
  };
}
