#!/usr/bin/env node
// The `lait` command: cli/main.ts through tsx in a checkout, what was compiled from it in the package. Plain JavaScript so that it can
// say what is missing.
import { existsSync } from 'node:fs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 18)) {
  console.error(`lait: expected Node.js 20.18 or newer but this is ${process.versions.node}; install a newer one.`);
  process.exit(2);
}
const args = process.argv.slice(2);
const isCheckout = existsSync(new URL('./main.ts', import.meta.url));
if (isCheckout) {
  try {
    // Of a command's flags, not of the help of all. Before tsx, behind whose hooks each of its ninety files costs twice as much.
    if (args.some((arg) => /^\w/.test(arg))) await import('zod');
    await import('tsx');
  } catch {
    console.error('lait: expected its packages in node_modules but they are not there; run `npm ci` first.');
    process.exit(2);
  }
}
const { main, stopWithReader } = await import(isCheckout ? './main.ts' : '../dist/cli/main.js');
stopWithReader();
process.exitCode = await main(args);
