/** Opens the models that filters score with, and frees them. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { RelevanceScorer } from '../dataset/scorer.ts';
import { expected } from '../dataset/user-error.ts';
import { ensurePretrained } from '../model/formats/pretrained.ts';
import { clipRelevance, isClip } from '../model/scorers/clip.ts';
import { ensureHubModel, hubScheme } from '../model/scorers/hub.ts';
import { efficientNetFeatures, type ImageFeatures } from '../model/scorers/image-features.ts';
import { imageBertRelevance, type RelevanceHead } from '../model/scorers/imagebert.ts';
import { photoScorer } from '../model/scorers/photo.ts';
import { loadRelevance } from '../model/scorers/relevance.ts';
import { miniLmFeatures } from '../model/scorers/text-features.ts';
import { unsafeScorer } from '../model/scorers/unsafe.ts';
import { requirePath } from './command.ts';
import type { Config } from './config.ts';
import { fetching } from './progress.ts';
import { openConfigured } from './regions.ts';
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
  readonly head?: RelevanceHead | undefined;
  /** Gives the features that the map of `lait train-relevance` looks at, when another model has opened them too. */
  readonly imageFeatures?: () => Promise<ImageFeatures>;
  /** Takes what must be freed at the end. */
  readonly keep: <Model extends { dispose(): void }>(model: Model) => Model;
}

/**
 * The relevance model that a name stands for: `hf://OWNER/NAME` a CLIP or SigLIP of the hub, a folder with one, a file of
 * `lait train-relevance`, else a run or checkpoint of ImageBERT.
 */
export async function openRelevance(name: string, options: OpenRelevanceOptions): Promise<RelevanceScorer> {
  const { corpusDir, regions, head, keep, imageFeatures = async () => keep(await openImageFeatures()) } = options;
  const onlyRuns = (what: string): void => {
    if (head) throw expected('a run of ImageBERT', 'relevanceHead', what, 'leave relevanceHead out');
  };
  if (name.startsWith(hubScheme)) {
    onlyRuns(name);
    return keep(await clipRelevance(await ensureHubModel(name, fetching), fetching));
  }
  const path = [name, join(corpusDir, name)].find((one) => existsSync(one)) ?? name;
  requirePath(path, 'a relevance model', 'run `lait train-relevance` or `lait pretrain` first');
  if (!statSync(path).isDirectory()) {
    onlyRuns(path);
    const textFeatures = keep(miniLmFeatures(await ensurePretrained('minilm', fetching)));
    return keep(loadRelevance(path, await imageFeatures(), textFeatures));
  }
  if (isClip(path)) {
    onlyRuns(path);
    return keep(await clipRelevance(path, fetching));
  }
  const { dir, detector: wanted } = openCheckpoint(path, 'best');
  const detector = keep(await openConfigured(regionsOf(wanted, regions)));
  return keep(imageBertRelevance(dir, { detector, ...(head && { head }) }));
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
