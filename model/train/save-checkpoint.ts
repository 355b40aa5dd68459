/**
 * Writes checkpoints, see checkpoint.ts. A folder is written beside its place, flushed and renamed, so that it is whole or absent
 * whenever the process is killed.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { diskFullCode } from '../../dataset/disk-full.ts';
import { UserError } from '../../dataset/user-error.ts';
import { toHuggingFace } from '../formats/hugging-face.ts';
import { type StoredTensor, writeSafetensors } from '../formats/safetensors.ts';
import { parameterSpecs } from '../net/parameters.ts';
import { averageOf, slots } from '../runtime/optimizer.ts';
import type { ParameterSpec, Values } from '../runtime/parameter.ts';
import {
  type ConfigJson,
  checkpoints,
  folderName,
  type MeasuredModel,
  type ModelDescription,
  statisticsNames,
  type TrainingState,
  tokenizerName,
  trainingName,
} from './checkpoint.ts';
import { writeChecksums } from './checksums.ts';

/** Saves a checkpoint in the folder of a run and removes all but the newest `keep` and the best. Throws a UserError where the disk is full; older ones stay. */
export function saveCheckpoint(
  runDir: string,
  description: MeasuredModel,
  state: Readonly<TrainingState>,
  values: Values,
  { keep = 3 }: { readonly keep?: number } = {},
): string {
  const dir = join(runDir, 'checkpoints', folderName(state.step));
  if (existsSync(dir)) return dir;
  const partial = `${dir}.partial`;
  try {
    if (!existsSync(dirname(dir))) mkdirSync(dirname(dir));
    // What a killed run left half written, of this step or another.
    for (const name of readdirSync(dirname(dir)).filter((one) => one.endsWith('.partial'))) {
      rmSync(join(dirname(dir), name), { recursive: true, force: true });
    }
    mkdirSync(partial);
    const parameters = parameterSpecs(description.config, { itc: description.objectives.itc > 0 });
    // Who reads a checkpoint reads the averages, where there are any.
    const averages = parameters.flatMap(({ name }) => values.get(averageOf(name)) ?? []).length > 0;
    const read = (name: string): Float32Array => values.get(averageOf(name)) ?? values.get(name)!;
    const tensors = toHuggingFace(parameters, new Map(parameters.map(({ name }) => [name, read(name)])));
    const { mean, scale } = description.featureStatistics;
    tensors.set(statisticsNames.mean, { shape: [mean.length], values: mean });
    tensors.set(statisticsNames.scale, { shape: [scale.length], values: scale });
    writeSafetensors(join(partial, 'model.safetensors'), tensors, { format: 'pt' });
    writeSafetensors(join(partial, 'optimizer.safetensors'), optimizerTensors(parameters, values, averages));
    const write = (name: string, text: string) => writeFileSync(join(partial, name), text, { flush: true });
    write('vocab.txt', `${description.vocabulary.join('\n')}\n`);
    write('config.json', `${JSON.stringify(configJson(description), null, 2)}\n`);
    if (description.tokenizer) write(tokenizerName, JSON.stringify(description.tokenizer));
    write(trainingName, `${JSON.stringify(state, null, 2)}\n`);
    writeChecksums(partial);
    flushFolder(partial);
    renameSync(partial, dir);
    flushFolder(dirname(dir));
  } catch (cause) {
    rmSync(partial, { recursive: true, force: true });
    const code = diskFullCode(cause);
    if (code !== null) {
      throw new UserError(
        `Expected room to write ${dir} but received ${code}; earlier checkpoints are whole, make room and run the same command again.`,
        { cause, exitCode: 1 },
      );
    }
    throw cause;
  }
  for (const old of checkpoints(runDir).slice(0, -keep)) {
    if (!state.best || !old.endsWith(folderName(state.best.step))) rmSync(old, { recursive: true, force: true });
  }
  return dir;
}

/** Waits until a folder's entries are on the disk. */
function flushFolder(dir: string): void {
  const folder = openSync(dir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Hugging Face's BertConfig, with our own description beside it. */
function configJson({ config, detector, objectives }: ModelDescription): ConfigJson & Record<string, unknown> {
  return {
    architectures: ['BertModel'],
    model_type: 'bert',
    vocab_size: config.vocabularySize,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    intermediate_size: config.feedForwardSize,
    hidden_act: 'gelu',
    hidden_dropout_prob: config.dropout,
    attention_probs_dropout_prob: config.dropout,
    max_position_embeddings: config.maxPositions,
    type_vocab_size: 2,
    layer_norm_eps: config.layerNormEpsilon,
    pad_token_id: 0,
    position_embedding_type: 'absolute',
    lait: { config, detector, objectives },
  };
}

/** The optimiser's means and, beside averages, the parameters themselves. */
function optimizerTensors(
  parameters: readonly ParameterSpec[],
  values: Values,
  averages: boolean,
): Map<string, StoredTensor> {
  const stored = new Map<string, StoredTensor>();
  for (const { name, shape } of parameters) {
    for (const slot of [...Object.values(slots(name)), ...(averages ? [name] : [])]) {
      const own = values.get(slot);
      if (own) stored.set(slot, { shape, values: own });
    }
  }
  return stored;
}
