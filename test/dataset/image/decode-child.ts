/** Decodes a file several times at once, in a process of its own, and prints how many MiB that took at its peak. */
import { readFileSync } from 'node:fs';
import { decodeImage } from '../../../dataset/image/decode.ts';

const [file, times] = process.argv.slice(2);
const bytes = readFileSync(file!);
const before = process.resourceUsage().maxRSS;
const found = await Promise.all(Array.from({ length: Number(times) }, () => decodeImage(bytes)));
const reasons = found.map((one) => ('reason' in one ? one.reason : 'decoded'));
console.log(JSON.stringify({ mebibytes: (process.resourceUsage().maxRSS - before) / 1024, reasons }));
