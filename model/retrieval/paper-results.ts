/**
 * The paper's own recalls (ImageBERT, arXiv 2001.07966, Tables 1 and 2), for orientation beside a result: trained on 10 million LAIT
 * pairs and 3.8 million of CC and SBU with a Faster R-CNN of Visual Genome, so no number of ours is to be expected near them.
 */
import type { Recalls } from '../ranking/recall.ts';

export interface PaperRow {
  readonly data: 'Flickr30k 1k' | 'COCO 1k' | 'COCO 5k';
  readonly training: 'zero-shot' | 'fine-tuned';
  readonly imageRetrieval: Recalls;
  readonly textRetrieval: Recalls;
}

const recalls = (r1: number, r5: number, r10: number): Recalls => ({ r1: r1 / 100, r5: r5 / 100, r10: r10 / 100 });

export const paperResults: readonly PaperRow[] = [
  {
    data: 'Flickr30k 1k',
    training: 'zero-shot',
    imageRetrieval: recalls(54.3, 79.6, 87.5),
    textRetrieval: recalls(70.7, 90.2, 94.0),
  },
  {
    data: 'Flickr30k 1k',
    training: 'fine-tuned',
    imageRetrieval: recalls(73.1, 92.6, 96.0),
    textRetrieval: recalls(87.0, 97.6, 99.2),
  },
  {
    data: 'COCO 1k',
    training: 'zero-shot',
    imageRetrieval: recalls(53.6, 83.2, 91.7),
    textRetrieval: recalls(67.0, 90.3, 96.1),
  },
  {
    data: 'COCO 1k',
    training: 'fine-tuned',
    imageRetrieval: recalls(73.6, 94.3, 97.2),
    textRetrieval: recalls(85.4, 98.7, 99.8),
  },
  {
    data: 'COCO 5k',
    training: 'zero-shot',
    imageRetrieval: recalls(32.3, 59.0, 70.2),
    textRetrieval: recalls(44.0, 71.2, 80.4),
  },
  {
    data: 'COCO 5k',
    training: 'fine-tuned',
    imageRetrieval: recalls(50.5, 78.7, 87.1),
    textRetrieval: recalls(66.4, 89.8, 94.4),
  },
];

/** The rows of the protocol that ranks so many images in so many folds; none for any other. */
export function paperRows({ images, folds }: { images: number; folds: number }): readonly PaperRow[] {
  const data = images === 1000 && folds === 1 ? 'Flickr30k 1k' : images === 5000 ? foldsOfCoco[folds] : undefined;
  return paperResults.filter((row) => row.data === data);
}

const foldsOfCoco: Readonly<Record<number, PaperRow['data']>> = { 1: 'COCO 5k', 5: 'COCO 1k' };
