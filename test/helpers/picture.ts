/** Real encoded pictures for tests: a gradient whose colours depend on a seed, so that no two seeds are alike. */
import sharp from 'sharp';

export async function picture(
  seed: number,
  {
    width = 80,
    height = 60,
    format = 'jpeg',
  }: {
    readonly width?: number;
    readonly height?: number;
    readonly format?: 'jpeg' | 'png' | 'webp' | 'gif' | 'avif';
  } = {},
): Promise<Buffer> {
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 3;
      pixels[at] = (x * 3 + seed * 37) % 256;
      pixels[at + 1] = (y * 5 + seed * 101) % 256;
      pixels[at + 2] = (x + y + seed * 59) % 256;
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .toFormat(format)
    .toBuffer();
}
