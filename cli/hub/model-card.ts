/** The model card of a run: a Hugging Face README with its YAML header, made from what the checkpoint and the corpus say of themselves. */
import { markdownCode, markdownText, yamlText } from '../../dataset/escape.ts';
import { countTable, markdownTable } from '../../dataset/export/card.ts';
import type { CorpusFacts } from '../../dataset/ledger/corpus-facts.ts';
import { pretrainedPackages } from '../../model/formats/pretrained-packages.ts';
import { modelCost } from '../../model/net/cost.ts';
import { objectiveNames } from '../../model/net/objective.ts';
import type { Recalls } from '../../model/ranking/recall.ts';
import type { Checkpoint } from '../../model/train/checkpoint.ts';
import type { MadeFrom } from '../../model/train/made-from.ts';
import { count, percent } from '../table.ts';

/** What a card takes of a file of `lait evaluate`. */
export interface EvaluationResult {
  readonly split: string;
  readonly data: { readonly sha256: string };
  readonly method: string;
  readonly images: number;
  readonly texts: number;
  readonly imageRetrieval: Recalls;
  readonly textRetrieval: Recalls;
  readonly weights: string;
}

export interface ModelCardInput {
  /** `OWNER/NAME` */
  readonly name: string;
  readonly license: string | undefined;
  readonly checkpoint: Pick<Checkpoint, 'config' | 'vocabulary' | 'detector' | 'objectives' | 'madeFrom' | 'state'>;
  /** By what the checkpoint is the best of its run; null where it is not. */
  readonly chosenBy: string | null;
  /** SHA-256 of the weights. */
  readonly weights: string;
  /** What goes with the weights that was fitted on held-out pairs. */
  readonly fitted: readonly string[];
  readonly evaluations: readonly EvaluationResult[];
  /** Of the corpus that the run belongs to; null where it learned from others alone, or the corpus has no ledger. */
  readonly corpus: CorpusFacts | null;
  /** Corpora that it learned from of which no such facts are known. */
  readonly unknown: readonly string[];
}

const { minilm, centernet, 'efficientnet-lite2': efficientnet } = pretrainedPackages;

/** The weights that a run began with, where they are known by their hash. */
const startOf = (madeFrom: MadeFrom | undefined): string => {
  if (madeFrom === undefined) return 'The checkpoint does not say which weights it began with.';
  if (madeFrom.start === null) return 'It began with random weights.';
  if (madeFrom.start === minilm.files[0].sha256)
    return `It began with all-MiniLM-L6-v2 (${minilm.licence}), whose weights it changed.`;
  return `It began with weights of SHA-256 \`${madeFrom.start}\`; their licence holds for what was made of them, and what they had learned from is not listed here.`;
};

function detectorOf(name: string): string {
  const parts = [
    ...(name.startsWith('centernet-') ? [`CenterNet of ${centernet.package} (${centernet.licence})`] : []),
    ...(/efficientnet/.test(name) ? [`features of EfficientNet-Lite2 (${efficientnet.licence})`] : []),
  ];
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}

/** The text of `README.md`. */
export function modelCard(input: ModelCardInput): string {
  const { name, license = 'other', checkpoint, chosenBy, weights, fitted, evaluations, corpus, unknown } = input;
  const { config, vocabulary, detector, objectives, madeFrom, state } = checkpoint;
  const { parameters } = modelCost(config, objectives);
  // Data may have changed since.
  const first = state.before?.[0]?.madeFrom ?? madeFrom;
  const base = first?.start === minilm.files[0].sha256 ? 'base_model: sentence-transformers/all-MiniLM-L6-v2\n' : '';
  const learned = objectiveNames.filter((one) => objectives[one] > 0);
  const periods = madeFrom ? [...(state.before ?? []), { untilStep: state.step, madeFrom }] : [];
  const data = periods.flatMap(({ untilStep, madeFrom: { data } }) => data.map((one) => ({ ...one, untilStep })));
  return `---
license: ${yamlText(license)}
library_name: lait
${base}tags:
  - imagebert
  - image-text-retrieval
  - lait
---

# ${markdownText(name)}

An [ImageBERT](https://arxiv.org/abs/2001.07966) of ${config.layers} layers of ${config.hiddenSize}, ${count(parameters)} parameters, by lait. It reads ${config.maxRegions} regions of a
picture and the first ${config.maxPieces} word pieces of a text, and says how well they fit. The checkpoint of step ${count(state.step)}${chosenBy === null ? '' : `, the best of its run by ${chosenBy}`}.

\`\`\`sh
npx lait match wren.jpg "a wren on a branch" --run hf://${name}
npx lait filter --corpus birds --relevance hf://${name}
npx lait finetune --corpus birds --from hf://${name}
\`\`\`

## What it learned from

${
  data.length === 0
    ? 'The checkpoint does not say which pairs it learned from.'
    : markdownTable(
        ['corpus', 'split', 'share', 'version', 'SHA-256 of the shards', 'until step'],
        data.map((one) => [
          markdownText(one.corpus),
          markdownText(one.split),
          String(one.share),
          one.version === null ? '–' : String(one.version),
          markdownCode(one.sha256.slice(0, 16)),
          count(one.untilStep),
        ]),
      )
}

${data.some(({ split }) => split === 'validation') ? `${heldOutText(chosenBy !== null, fitted)} ` : ''}${startOf(first)} Regions come from the detector
${markdownCode(detector)}${detectorOf(detector)}.
${corpus === null ? '' : corpusText(corpus)}${unknown.length === 0 ? '' : `\nWhich sites, licence links and rights signals the pairs of ${unknown.map(markdownText).join(', ')} have is not known here.\n`}
## How it learned

${markdownTable(
  ['what', 'value'],
  [
    ['objectives and their weights', learned.map((one) => `${one} ${objectives[one]}`).join(', ')],
    ['word pieces', count(vocabulary.length)],
    ['features of a region', String(config.featureSize)],
    ['seed', String(state.seed)],
    ['SHA-256 of the weights', markdownCode(weights)],
  ],
)}

## How well it finds

${
  evaluations.length === 0
    ? 'Nothing was measured of these weights: `lait evaluate` does that.'
    : markdownTable(
        [
          'split',
          'SHA-256 of the shards',
          'images, texts',
          'method',
          'image for a text R@1, 5, 10',
          'text for an image R@1, 5, 10',
        ],
        evaluations.map((one) => [
          markdownText(one.split),
          markdownCode(one.data.sha256.slice(0, 16)),
          `${count(one.images)}, ${count(one.texts)}`,
          markdownText(one.method),
          recallsText(one.imageRetrieval),
          recallsText(one.textRetrieval),
        ]),
      )
}

## Licence and limits

${license === 'other' ? 'No licence of the weights was named by who made them.' : `The weights are under ${markdownText(license)}, as who made them says.`} The pictures and texts that it learned from belong to those who made them; no
licence is given for them here. What pages say near a picture describes it loosely or not at all, and the model has learned that too, with the view of
the world of the sites that were chosen. What is taken out of the corpus later is not unlearned.
`;
}

const recallsText = ({ r1, r5, r10 }: Recalls): string => [r1, r5, r10].map(percent).join(', ');

function heldOutText(isChosen: boolean, fitted: readonly string[]): string {
  const uses = [...(isChosen ? ['which checkpoint this is'] : []), ...fitted];
  const told = uses.length === 0 ? '' : ` What it decided: ${uses.join(', ')}.`;
  return `The split \`validation\` was held out, and the weights did not learn from it.${told}`;
}

/** Of the corpus as it stands now. */
const corpusText = ({ collected, hosts, hostCount, licenses, rightsSignals }: CorpusFacts): string => `
Of the corpus as it stands at this push${collected === null ? '' : `, collected from ${collected.from} to ${collected.to}`}: kept pairs by the site of their page (${count(hostCount)} in all, the first ten),

${countTable('site', hosts, '–')}

by the licence link on their page,

${countTable('licence', licenses, 'no link found', markdownCode)}

and pages by the rights signals found on them:

${countTable('signal', rightsSignals, 'none')}
`;
