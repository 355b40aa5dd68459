/** Measures a picture in a process from which libjpeg-turbo is hidden, and prints whether it is there and what was found. */
import { readFileSync } from 'node:fs';
import { decodeForSize } from '../../../dataset/image/decode.ts';
import { turboJpeg } from '../../../dataset/image/turbo-jpeg.ts';

const found = await decodeForSize(readFileSync(process.argv[2]!), 256);
console.log(JSON.stringify({ isThere: turboJpeg() !== null, found }));
