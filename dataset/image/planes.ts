/**
 * A picture as JPEG keeps it: a plane of light and two of colour (JFIF's YCbCr), which mostly have half as many samples each way. Made smaller so,
 * it is three bytes for two pixels and not eight, and goes from decoder to encoder without a change of colours.
 */
import { type Plane, type Raster, resamplePlane } from './resample.ts';

interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Planes extends Size {
  /** The planes may have samples beyond the picture's edge. */
  readonly light: Plane;
  readonly colours: readonly [Plane, Plane];
  /** How many pixels a sample of colour is of, across and down. */
  readonly across: number;
  readonly down: number;
}

const even = (length: number): number => Math.ceil(length / 2) * 2;

const withSize = (plane: Plane, width: number, height: number): Plane => ({
  ...plane,
  width: Math.ceil(width),
  height: Math.ceil(height),
});

/** Resizes to 4:2:0, the light to even sides, which encoders want. */
export function resizePlanes({ width, height, light, colours, across, down }: Planes, to: Size): Planes {
  const steps = { across: width / to.width, down: height / to.height };
  const wide = { width: even(to.width), height: even(to.height) };
  const half = { width: wide.width / 2, height: wide.height / 2 };
  const colourSteps = { across: (2 * steps.across) / across, down: (2 * steps.down) / down };
  const colour = (plane: Plane): Plane =>
    resamplePlane(withSize(plane, width / across, height / down), half, 'lanczos3', colourSteps);
  return {
    ...to,
    light: resamplePlane(withSize(light, width, height), wide, 'lanczos3', steps),
    colours: [colour(colours[0]), colour(colours[1])],
    across: 2,
    down: 2,
  };
}

/** The picture so many times smaller, by means of whole squares, in red, green and blue (JFIF 1.02, §7). */
export function smallRaster({ width, height, light, colours, across, down }: Planes, times: number): Raster {
  const to = { width: Math.floor(width / times), height: Math.floor(height / times) };
  const y = resamplePlane(withSize(light, width, height), to, 'box', { across: times, down: times });
  const steps = { across: times / across, down: times / down };
  const colour = (plane: Plane): Plane =>
    resamplePlane(
      withSize(plane, width / across, height / down),
      to,
      Math.min(steps.across, steps.down) < 1 ? 'triangle' : 'box',
      steps,
    );
  const [blue, red] = [colour(colours[0]), colour(colours[1])];
  const pixels = new Uint8ClampedArray(4 * to.width * to.height); // rounds
  for (let row = 0, at = 0; row < to.height; row++) {
    for (let x = row * y.stride; x < row * y.stride + to.width; x++, at += 4) {
      const value = y.samples[x]!;
      const cb = blue.samples[x]! - 128;
      const cr = red.samples[x]! - 128;
      pixels[at] = value + 1.402 * cr;
      pixels[at + 1] = value - 0.344136 * cb - 0.714136 * cr;
      pixels[at + 2] = value + 1.772 * cb;
    }
  }
  return { ...to, pixels: new Uint8Array(pixels.buffer) };
}
