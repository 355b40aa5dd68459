#!/usr/bin/env node
// The `lait` command: loads TypeScript through tsx, then cli/main.ts. Plain JavaScript so that it can say what is missing.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 18)) {
  console.error(`lait: expected Node.js 20.18 or newer but this is ${process.versions.node}; install a newer one.`);
  process.exit(2);
}
const args = process.argv.slice(2);
try {
  // Of a command's flags, not of the help of all. Before tsx, behind whose hooks each of its ninety files costs twice as much.
  if (args.some((arg) => /^\w/.test(arg))) await import('zod');
  await import('tsx');
} catch {
  console.error('lait: expected its packages in node_modules but they are not there; run `npm ci` first.');
  process.exit(2);
}
const { main, stopWithReader } = await import('./main.ts');
stopWithReader();
process.exitCode = await main(args);
