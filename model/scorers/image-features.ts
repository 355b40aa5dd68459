/**
 * One vector an image: EfficientNet-Lite2's last map averaged over the picture. Of the backbones that packages ship its
 * features tell captions apart best.
 */

import { readTorchWeights } from '../formats/torch-weights.ts';
import { mapDecoded, stackPixels } from '../regions/decode-batch.ts';
import { addEfficientNet, efficientNetSize } from '../regions/efficientnet.ts';
import { decodePixels } from '../regions/pixels.ts';
import { Graph } from '../runtime/graph.ts';
import { bool, type } from '../runtime/graph-node.ts';

export interface ImageFeatures {
  /** What made them: features of another name do not compare. */
  readonly name: string;
  /** D */
  readonly size: number;
  /** [D] for each image, null where the bytes do not decode. */
  readonly of: (images: readonly Buffer[]) => Promise<readonly (Float32Array | null)[]>;
  readonly dispose: () => void;
}

/** The network was trained at 260; its strides ask for a multiple of 32. */
const sidePx = 256;

/** `path` is the state dict `efficientnet-lite2`, see model/formats/pretrained-packages.ts. */
export function efficientNetFeatures(path: string): ImageFeatures {
  const graph = new Graph();
  const pixels = graph.placeholder('pixels', 'float32', [-1, sidePx, sidePx, 3]);
  const map = addEfficientNet(graph, readTorchWeights(path), pixels); // [B, 8, 8, 1280]
  graph.add('mean', 'Mean', [map, graph.integers('axes', [1, 2])], {
    T: type('float32'),
    Tidx: type('int32'),
    keep_dims: bool(false),
  }); // [B, 1280]
  const running = graph.start();
  // Two rules that look at one image, held in one buffer, share its vector.
  const known = new WeakMap<Buffer, Float32Array | null>();

  const compute = async (images: readonly Buffer[]): Promise<readonly (Float32Array | null)[]> => {
    const decoded = await Promise.all(images.map((image) => decodePixels(image, sidePx)));
    return mapDecoded(decoded, (whole) => {
      const [features] = running.run({ pixels: stackPixels(whole, sidePx) }, ['mean']); // [B, D]
      const values = features!.values as Float32Array;
      return whole.map((_, index) => values.slice(index * efficientNetSize, (index + 1) * efficientNetSize));
    });
  };

  return {
    name: `efficientnet-lite2-${sidePx}`,
    size: efficientNetSize,
    of: async (images) => {
      const fresh = [...new Set(images)].filter((image) => !known.has(image));
      (fresh.length > 0 ? await compute(fresh) : []).forEach((vector, at) => {
        known.set(fresh[at]!, vector);
      });
      return images.map((image) => known.get(image)!);
    },
    dispose: () => running.dispose(),
  };
}
