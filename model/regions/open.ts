/**
 * Opens a detector by its options, fetching what it needs. The networks' code loads only here, so that whoever merely reads
 * regions never loads TensorFlow for it.
 */
import { type EnsureOptions, ensureWeights } from '../weights.ts';
import type { CenterNetOptions } from './centernet.ts';
import type { OnnxDetectorOptions } from './onnx-detector.ts';
import type { PatchesOptions } from './patches.ts';
import type { Detector } from './region.ts';

/** The embedded detector. */
export interface EmbeddedDetectorOptions extends Omit<CenterNetOptions, 'path' | 'backbone'> {
  readonly kind: 'centernet';
  /**
   * Whose features a region has: EfficientNet-Lite2's, or CenterNet's own at half the time. With a linear map to captions of
   * Flickr8k the first find the right one of 1,000 images at rank 1 for 16 % of the captions, the second for 9 %.
   */
  readonly features?: 'efficientnet-lite2' | 'centernet';
}

export type DetectorOptions =
  | EmbeddedDetectorOptions
  | ({ readonly kind: 'patches' } & PatchesOptions)
  | ({ readonly kind: 'onnx' } & OnnxDetectorOptions);

/** Throws a UserError when weights cannot be fetched or an ONNX file does not do what its options say. */
export async function openDetector(options: DetectorOptions, ensure: EnsureOptions = {}): Promise<Detector> {
  switch (options.kind) {
    case 'centernet': {
      const { features = 'efficientnet-lite2', kind, ...rest } = options;
      const path = await ensureWeights('centernet', ensure);
      const backbone = features === 'centernet' ? undefined : await ensureWeights(features, ensure);
      const { centerNet } = await import('./centernet.ts');
      return centerNet({ ...rest, path, ...(backbone && { backbone }) });
    }
    case 'patches': {
      const { patches } = await import('./patches.ts');
      return patches(options);
    }
    case 'onnx': {
      const { onnxDetector } = await import('./onnx-detector.ts');
      return onnxDetector(options, ensure);
    }
  }
}
