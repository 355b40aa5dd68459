/**
 * Who may import whom, as ARCHITECTURE.md draws it. Between the top folders: dataset imports no sibling; crawler, filters and
 * model import only dataset; nobody imports cli. Within a folder each room lists the rooms below it that it may import.
 */
const folder = (name) => `^${name}/`;
const product = '^(crawler|filters|dataset|model|cli)/';

/** Room → the rooms of the same folder that it may import. The files on top of a folder may import all of its rooms. */
const rooms = {
  crawler: {
    policy: [],
    page: ['policy'],
    frontier: ['policy', 'page'],
    workers: ['policy', 'page'],
    fetch: ['policy', 'page', 'frontier', 'workers'],
    input: ['policy', 'page', 'frontier', 'workers', 'fetch'],
    shared: ['policy', 'page', 'frontier', 'workers', 'fetch', 'input'],
  },
  dataset: {
    blobs: [],
    image: [],
    shards: ['blobs', 'image'],
    ledger: ['blobs', 'image', 'shards'],
    export: ['blobs', 'image', 'shards', 'ledger'],
    import: ['blobs', 'image', 'shards', 'ledger', 'export'],
  },
  model: {
    runtime: [],
    formats: ['runtime'],
    net: ['runtime'],
    regions: ['runtime', 'formats'],
    data: ['runtime', 'net', 'regions'],
    ranking: ['runtime', 'net', 'regions', 'data'],
    train: ['runtime', 'formats', 'net', 'data', 'ranking'],
    retrieval: ['runtime', 'formats', 'net', 'regions', 'data', 'ranking', 'train'],
    scorers: ['runtime', 'formats', 'net', 'regions', 'data', 'ranking', 'train', 'retrieval'],
  },
};

const roomRules = Object.entries(rooms).flatMap(([top, floors]) =>
  Object.entries(floors).map(([room, below]) => ({
    name: `${top}-${room}-imports-only-rooms-below`,
    severity: 'error',
    from: { path: folder(`${top}/${room}`) },
    to: {
      path: `^${top}/(${Object.keys(floors).join('|')})/`,
      pathNot: [room, ...below].map((one) => folder(`${top}/${one}`)),
    },
  })),
);

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    // `lait/…` is the package itself, which is there once it is built.
    { name: 'no-unknown-import', severity: 'error', from: {}, to: { couldNotResolve: true, pathNot: '^lait/' } },
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
    ...roomRules,
    {
      name: 'nobody-imports-cli',
      severity: 'error',
      from: { path: '^(crawler|filters|dataset|model)/' },
      to: { path: folder('cli') },
    },
    { name: 'nobody-imports-the-api', severity: 'error', from: { path: product }, to: { path: folder('api') } },
    { name: 'the-api-is-without-cli', severity: 'error', from: { path: folder('api') }, to: { path: folder('cli') } },
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
