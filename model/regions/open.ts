/**
 * Opens a detector by its options, fetching what it needs. The networks' code loads only here, so that whoever merely reads
 * regions never loads TensorFlow for it.
 */

import type { EnsureOptions } from '../formats/cache.ts';
import { ensurePretrained } from '../formats/pretrained.ts';
import type { CenterNetOptions } from './centernet.ts';
import { detectorDefaults } from './defaults.ts';
import type { OnnxDetectorOptions } from './onnx-detector.ts';
import type { PatchesOptions } from './patches.ts';
import type { Detector } from './region.ts';

/** The embedded detector. */
export interface EmbeddedDetectorOptions extends Omit<CenterNetOptions, 'path' | 'backbone'> {
  readonly kind: 'centernet';
  /**
   * `joined`: EfficientNet-Lite2's beside CenterNet's; `centernet`: the latter alone, in a half of the time. From a linear map
   * to captions of Flickr8k, joined features of whole images have the right one of 1,000 among the first ten for 58 % of the
   * captions, EfficientNet-Lite2's alone for 54 %, CenterNet's alone for 38 % (at 256 pixels).
   */
  readonly features?: 'joined' | 'centernet';
}

export type DetectorOptions =
  | EmbeddedDetectorOptions
  | ({ readonly kind: 'patches' } & PatchesOptions)
  | ({ readonly kind: 'onnx' } & OnnxDetectorOptions);

/** Throws a UserError when weights cannot be fetched or an ONNX file does not do what its options say. */
export async function openDetector(options: DetectorOptions, ensure: EnsureOptions = {}): Promise<Detector> {
  switch (options.kind) {
    case 'centernet': {
      const { features = detectorDefaults.features, kind, ...rest } = options;
      const path = await ensurePretrained('centernet', ensure);
      const backbone = features === 'joined' ? await ensurePretrained('efficientnet-lite2', ensure) : undefined;
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
