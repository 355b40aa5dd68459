// The documentation as pages, `npm run docs`: README first, docs/ beside it, and the API of the package's entries, in site/.

/** A document is named by its first heading, not by its file. */
function namedByHeading(app) {
  app.converter.on('createDocument', (_, document) => {
    const [, heading] = /^# (.+)\n/.exec(document.content[0]?.text ?? '') ?? [];
    if (heading === undefined) return;
    document.name = heading;
    if (/^\d{4} /.test(heading)) document.frontmatter.group = 'Decisions';
  });
}

/** @type {Partial<import('typedoc').TypeDocOptions>} */
// biome-ignore lint/style/noDefaultExport: typedoc reads the default export.
export default {
  name: 'lait',
  readme: 'README.md',
  entryPoints: ['api/lait.ts', 'api/crawler.ts', 'api/filters.ts', 'api/dataset.ts', 'api/model.ts'],
  projectDocuments: ['docs/*.md', 'docs/decisions/*.md'],
  tsconfig: 'tsconfig.build.json',
  out: 'site',
  plugin: [namedByHeading],
  excludeInternal: true,
  excludePrivate: true,
  highlightLanguages: ['bash', 'sh', 'typescript', 'javascript', 'json', 'yaml', 'python', 'sql'],
  // `notExported` would ask for the types of the types of what is exported.
  validation: { invalidLink: true, rewrittenLink: true, invalidPath: true, notExported: false, notDocumented: false },
};
