/** The files that the page loads. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Hono } from 'hono';

const types: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

/** Files that the page loads, by their paths in URLs: no path of a request reaches the disk. */
function pageFiles(): ReadonlyMap<string, string> {
  const folder = join(import.meta.dirname, 'page');
  const own = readdirSync(folder).filter((name) => /\.(js|css|svg)$/.test(name));
  const lit = ['lit-html.js', 'directive.js', 'directive-helpers.js', 'directives/live.js', 'directives/repeat.js'];
  return new Map([
    ['/', join(folder, 'index.html')],
    ...own.map((name) => [`/page/${name}`, join(folder, name)] as const),
    ...lit.map((name) => [`/node_modules/lit-html/${name}`, join(packageFolder('lit-html'), name)] as const),
  ]);
}

/** Answers with each of them. */
export function addPageFiles(app: Hono): void {
  for (const [path, file] of pageFiles()) {
    app.get(path, (context) => {
      context.header('content-type', types[file.split('.').at(-1)!]!);
      return context.body(readFileSync(file, 'utf8'));
    });
  }
}

/** Where a package lies: its `exports` give Node.js other files than browsers. */
function packageFolder(name: string): string {
  let folder = dirname(fileURLToPath(import.meta.resolve(name)));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
