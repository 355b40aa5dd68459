/**
 * The probability that a picture is pornographic or racy, by Yahoo's Open NSFW (ResNet-50-thin, BSD-2-Clause): of the
 * networks that packages ship it raises the fewest false alarms on ordinary photographs.
 */
import type { ImageScorer, Loaded } from '../../dataset/scorer.ts';
import { mapDecoded, stackPixels } from '../regions/decode-batch.ts';
import { decodePixels } from '../regions/pixels.ts';
import { Graph } from '../runtime/graph.ts';
import { addOnnx } from './onnx.ts';

/**
 * The whole picture, BGR less the mean of the training images. Yahoo cuts the middle 224 out of 256 pixels: that hides the
 * rim and raises twice the false alarms (ours: 10 against 5 of 1,000 Flickr8k photographs above 0.5).
 */
const sidePx = 224;
const meanBgr = [104, 117, 123] as const;

/** `path` is `open-nsfw`, see model/formats/pretrained-packages.ts. */
export function unsafeScorer(path: string): Loaded<ImageScorer> {
  const graph = new Graph();
  const output = addOnnx(graph, path, graph.placeholder('pixels', 'float32', [-1, sidePx, sidePx, 3])); // [B, 2]
  const running = graph.start();
  return {
    model: 'open-nsfw-1',
    score: async (images) => {
      const decoded = await Promise.all(images.map((image) => decodePixels(image, sidePx)));
      return mapDecoded(decoded, (whole) => {
        const [probabilities] = running.run({ pixels: stackPixels(whole.map(centre), sidePx) }, [output]); // [B, 2]
        return whole.map((_, index) => probabilities!.values[2 * index + 1]!);
      });
    },
    dispose: () => running.dispose(),
  };
}

/** RGB to what the network was trained on, in place. */
function centre(pixels: Float32Array): Float32Array {
  for (let at = 0; at < pixels.length; at += 3) {
    const [red, green, blue] = [pixels[at]!, pixels[at + 1]!, pixels[at + 2]!];
    pixels[at] = blue - meanBgr[0];
    pixels[at + 1] = green - meanBgr[1];
    pixels[at + 2] = red - meanBgr[2];
  }
  return pixels;
}
