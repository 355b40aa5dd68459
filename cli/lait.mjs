#!/usr/bin/env node
// The `lait` command: cli/main.ts through tsx in a checkout, what was compiled from it in the package and, with LAIT_DIST=1, in a
// checkout after `npm run build`: the tests start it hundreds of times. Plain JavaScript so that it can say what is missing.
import { existsSync } from 'node:fs';

/** Ends with a line: nothing of the program is there yet to tell what is wrong. */
function end(line, exitCode = 2) {
  console.error(`lait: ${line}`);
  process.exit(exitCode);
}

/** Loads a part of the program, or ends where that is not there or the system lacks what it takes. */
async function load(part, otherwise) {
  try {
    return await part();
  } catch (error) {
    if (error.code === 'EMFILE' || error.code === 'ENFILE') {
      end(`this machine has no more open files for lait (${error.code}); raise the limit (ulimit -n) and run the same command again.`, 1); // biome-ignore format: one line
    }
    if (otherwise !== undefined) end(otherwise);
    throw error;
  }
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 18)) {
  end(`expected Node.js 20.18 or newer but this is ${process.versions.node}; install a newer one.`);
}

try {
  process.cwd();
} catch (error) {
  end(`expected the working directory to be there but it is gone (${error.code}); change into one that is there.`);
}
const args = process.argv.slice(2);
const isSource = process.env.LAIT_DIST !== '1' && existsSync(new URL('./main.ts', import.meta.url));
if (isSource) {
  const packages = async () => {
    // Of a command's flags, not of the help of all. Before tsx, behind whose hooks each of its ninety files costs twice as much.
    if (args.some((arg) => /^\w/.test(arg))) await import('zod');
    await import('tsx');
  };
  await load(packages, 'expected its packages in node_modules but they are not there; run `npm ci` first.');
}
if (!isSource && !existsSync(new URL('../dist/cli/main.js', import.meta.url))) {
  end('expected dist/cli/main.js but it is not there; run `npm run build` first, or leave LAIT_DIST out.');
}
const { main, stopWithReader } = await load(() => import(isSource ? './main.ts' : '../dist/cli/main.js'));
stopWithReader();
process.exitCode = await main(args);
