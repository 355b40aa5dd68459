// Compiles the package into dist/: JavaScript and types of all but tests and benches, in the folders of the tree, and beside them the
// files that code finds by its own place. `npm run build`; see tsconfig.build.json. Arguments are the compiler's: the tests, which
// have checked the types before, give --noCheck.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

const root = import.meta.dirname;
const dist = join(root, 'dist');
rmSync(dist, { recursive: true, force: true });
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
execFileSync(process.execPath, [compiler, '--project', join(root, 'tsconfig.build.json'), ...process.argv.slice(2)], {
  stdio: 'inherit',
});

const wanted = /\.(?:mjs|wasm|safetensors|css|html|js|svg)$/;
for (const folder of ['crawler', 'dataset', 'filters', 'model', 'cli']) {
  for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !wanted.test(entry.name) || entry.name === 'lait.mjs') continue;
    const copy = join(dist, relative(root, path));
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(path, copy);
  }
}
// What code asks of package.json by its own place.
const { name, version, type } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ name, version, type }, null, 2)}\n`);
console.log(`${relative(process.cwd(), dirname(join(dist, 'x'))) || '.'}: lait ${version}`);
