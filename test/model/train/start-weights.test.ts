import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { memorySource } from '../../../model/data/source.ts';
import { toHuggingFace } from '../../../model/formats/hugging-face.ts';
import { type StoredTensor, writeSafetensors } from '../../../model/formats/safetensors.ts';
import { parameterSpecs } from '../../../model/net/parameters.ts';
import { startValues } from '../../../model/runtime/parameter.ts';
import { pretrain } from '../../../model/train/pretrain.ts';
import { readStartWeights } from '../../../model/train/start-weights.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-start-weights-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'model.safetensors');
const two = { ...config, layers: 2 };
const parameters = parameterSpecs(two, { itc: true });

/** The tables and the encoder of a text model of so many layers, under other names. */
function bert(rename: (name: string) => string | undefined, layers = 2): Map<string, StoredTensor> {
  const specs = parameterSpecs({ ...config, layers }).filter(({ name }) => /^bert\.(embeddings|encoder)/.test(name));
  const tensors = [...toHuggingFace(specs, startValues(specs, 1))];
  return new Map(
    tensors.flatMap(([name, tensor]) => {
      const other = rename(name);
      return other === undefined ? [] : [[other, tensor] as const];
    }),
  );
}

const plain = (name: string) => name.replace(/^bert\./, '');
const gamma = (name: string) =>
  name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta');

function read(tensors: Map<string, StoredTensor>, json?: string) {
  writeSafetensors(path, tensors);
  if (json === undefined) rmSync(join(folder, 'config.json'), { force: true });
  else writeFileSync(join(folder, 'config.json'), json);
  return readStartWeights(path, two, parameters);
}

test('a text model is taken whole, whichever names its tensors have', () => {
  const first = read(bert((name) => name));
  assert.equal(first.told.taken, 5 + 2 * 16);
  assert.ok(first.told.anew.includes('visual.feature') && first.told.anew.includes('bert.pooler'));
  for (const rename of [plain, gamma, (name: string) => plain(gamma(name))]) {
    const again = read(bert(rename), JSON.stringify({ model_type: 'bert', num_hidden_layers: 2, hidden_act: 'gelu' }));
    assert.deepEqual(again.values, first.values);
  }
});

test('weights that fit in part, or are of a model of another kind, are refused by what is missing', () => {
  const none = `Expected the tensor bert.embeddings.word_embeddings.weight for ${path} but received none of that name, but`;
  const advice = 'take the weights of a BERT, as BertModel or BertForPreTraining save them.';
  const beside = (name: string, wanted: unknown, received: unknown) => `Expected ${name} ${wanted} for ${join(folder, 'config.json')} but received ${received}; choose a preset of the same model, or other weights.`; // biome-ignore format: one line
  const table: [Map<string, StoredTensor>, string, string?][] = [
    [bert((name) => name.replace('bert.', 'roberta.')), `${none} roberta.embeddings.word_embeddings.weight and roberta.embeddings.position_embeddings.weight; ${advice}`],
    [bert((name) => `model.${name}`), `${none} model.bert.embeddings.word_embeddings.weight and model.bert.embeddings.position_embeddings.weight; ${advice}`],
    [bert((name) => (name.includes('1.attention.self.key.bias') ? undefined : name)), `Expected the tensor bert.encoder.layer.1.attention.self.key.bias for ${path} but received none of that name, but bert.embeddings.word_embeddings.weight and bert.embeddings.position_embeddings.weight; ${advice}`],
    [bert(plain, 1), `Expected the tensor bert.encoder.layer.1.attention.self.query.weight for ${path} but received none of that name, but embeddings.word_embeddings.weight and embeddings.position_embeddings.weight; it has 1 of 2 layers: choose a preset of as many, or other weights.`],
    [bert(plain, 3), `Expected the 2 layers of the preset for ${path} but received 3; choose a preset of as many layers, or other weights.`],
    [bert(plain), beside('num_attention_heads', 2, 4), '{"num_attention_heads":4}'],
    [bert(plain), beside('hidden_act', 'gelu', 'relu'), '{"hidden_act":"relu"}'],
    [bert(plain), beside('layer_norm_eps', '1e-12', '0.00001'), '{"layer_norm_eps":1e-5}'],
    [bert(plain), beside('model_type', 'bert', 'roberta'), '{"model_type":"roberta"}'],
  ]; // biome-ignore format: a table
  for (const [tensors, message, json] of table)
    assert.throws(() => read(tensors, json), { name: 'UserError', message });
});

test('a run refuses weights that do not fit before its first step', async () => {
  writeSafetensors(
    path,
    bert((name) => `model.${name}`, 1),
  );
  rmSync(join(folder, 'config.json'), { force: true });
  const run = pretrain({
    ...{
      runDir: join(folder, 'run'),
      source: memorySource(smallExamples(20), 1),
      config,
      vocabulary,
      detector: 'test',
    },
    ...{ steps: 1, batchSize: 4, objectives: allObjectives, startFrom: path },
  });
  await assert.rejects(run, /^UserError: Expected the tensor bert\.embeddings\.word_embeddings\.weight for /);
});
