/** The version of this package; package.json is the one place that states it. */
import { readFileSync } from 'node:fs';

const manifest = new URL('../package.json', import.meta.url);

/** As in `0.1.0`. */
export const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string };
