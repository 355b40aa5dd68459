/** Models of the Hugging Face hub that lait reads: a CLIP or SigLIP, a run that `lait push` put there, a BERT to start from. */
import type { EnsureOptions } from '../formats/cache.ts';
import { ensureHubFiles, type HubFiles } from '../formats/hub.ts';
import { type ConfigJson, runFiles, tokenizerName, weightsName } from '../train/checkpoint.ts';
import { clipFiles, isClipConfig } from './clip.ts';

type Config = (ConfigJson & { readonly model_type?: unknown }) | null;

const ofRun = (config: unknown): HubFiles | null => ((config as Config)?.lait === undefined ? null : runFiles);

const ofClip = (config: unknown): HubFiles | null =>
  isClipConfig(config) ? { needed: clipFiles.filter((name) => name !== 'config.json') } : null;

const ofBert = (config: unknown): HubFiles | null =>
  (config as Config)?.model_type === 'bert'
    ? { needed: [weightsName, 'vocab.txt'], optional: [tokenizerName, 'tokenizer_config.json'] }
    : null;

/** The folder of a CLIP, a SigLIP or a run in the cache. */
export const ensureHubScorer = (name: string, options?: EnsureOptions): Promise<string> =>
  ensureHubFiles(name, { what: 'an ONNX CLIP or SigLIP, or a run of lait', choose: (config) => ofRun(config) ?? ofClip(config) }, options); // biome-ignore format: one line

/** The folder of a run in the cache. */
export const ensureHubRun = (name: string, options?: EnsureOptions): Promise<string> =>
  ensureHubFiles(name, { what: 'a run of lait', choose: ofRun }, options);

/** The folder of weights to start from in the cache: of a run, or of another BERT. */
export const ensureHubWeights = (name: string, options?: EnsureOptions): Promise<string> =>
  ensureHubFiles(name, { what: 'a run of lait or a BERT', choose: (config) => ofRun(config) ?? ofBert(config) }, options); // biome-ignore format: one line
