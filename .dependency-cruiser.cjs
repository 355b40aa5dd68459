/** Who may import whom: dataset imports no sibling; crawler, filters and model import only dataset; nobody imports cli. */
const folder = (name) => `^${name}/`;
const product = '^(crawler|filters|dataset|model|cli)/';

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unknown-import', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'dataset-imports-no-sibling',
      severity: 'error',
      from: { path: folder('dataset') },
      to: { path: product, pathNot: folder('dataset') },
    },
    ...['crawler', 'filters', 'model'].map((name) => ({
      name: `${name}-imports-only-dataset`,
      severity: 'error',
      from: { path: folder(name) },
      to: { path: product, pathNot: [folder(name), folder('dataset')] },
    })),
    {
      name: 'nobody-imports-cli',
      severity: 'error',
      from: { path: '^(crawler|filters|dataset|model)/' },
      to: { path: folder('cli') },
    },
    {
      name: 'only-backend-imports-tensorflow',
      comment: 'model/runtime/backend.ts chooses the TensorFlow runtime; everything else takes tf from it.',
      severity: 'error',
      from: { pathNot: '^(model/runtime/backend\\.ts|bench/)' },
      to: { path: '@tensorflow/tfjs-node' },
    },
    {
      name: 'product-does-not-import-tests-or-benchmarks',
      severity: 'error',
      from: { path: product },
      to: { path: '^(test|bench)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
