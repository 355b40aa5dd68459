/** The detector of regions that `lait.yaml` describes. */
import { UserError } from '../dataset/user-error.ts';
import type { OnnxDetectorOptions } from '../model/regions/onnx-detector.ts';
import { type DetectorOptions, openDetector } from '../model/regions/open.ts';
import type { Detector } from '../model/regions/region.ts';
import type { Nothing } from './command.ts';
import type { Config } from './config.ts';
import { fetching } from './progress.ts';

/** Opens the configured detector, fetching its weights when they are not there. */
export const openConfigured = (settings: Config['regions']): Promise<Detector> =>
  openDetector(detectorOptions(settings), fetching);

function detectorOptions(settings: Config['regions']): DetectorOptions {
  const { detector, features, inputSidePx, topK, onnx, ...others } = settings;
  others satisfies Nothing;
  switch (detector) {
    case 'centernet':
      return { kind: 'centernet', features, inputSidePx, topK };
    case 'patches':
      return { kind: 'patches' };
    case 'onnx':
      if (!onnx)
        throw new UserError('Expected regions.onnx for detector onnx but there is none; describe it in lait.yaml.');
      return { kind: 'onnx', ...(onnx as OnnxDetectorOptions), topK };
  }
}
