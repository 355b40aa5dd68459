/**
 * `croissant.json`: the export described as Croissant 1.1 JSON-LD (MLCommons), so that loaders and search engines can read
 * it without reading the card: every archive with its hash, a record set of key, image and caption, and the properties of
 * the responsible-AI vocabulary that the ledger can answer.
 */
import type { FileDigest } from './atomic-file.ts';
import { type CardInput, cardLanguages, thresholdSource } from './card.ts';

const context = {
  '@language': 'en',
  '@vocab': 'https://schema.org/',
  citeAs: 'cr:citeAs',
  column: 'cr:column',
  conformsTo: 'dct:conformsTo',
  containedIn: 'cr:containedIn',
  cr: 'http://mlcommons.org/croissant/',
  rai: 'http://mlcommons.org/croissant/RAI/',
  data: { '@id': 'cr:data', '@type': '@json' },
  dataType: { '@id': 'cr:dataType', '@type': '@vocab' },
  dct: 'http://purl.org/dc/terms/',
  examples: { '@id': 'cr:examples', '@type': '@json' },
  extract: 'cr:extract',
  field: 'cr:field',
  fileProperty: 'cr:fileProperty',
  fileObject: 'cr:fileObject',
  fileSet: 'cr:fileSet',
  format: 'cr:format',
  includes: 'cr:includes',
  isLiveDataset: 'cr:isLiveDataset',
  jsonPath: 'cr:jsonPath',
  key: 'cr:key',
  md5: 'cr:md5',
  parentField: 'cr:parentField',
  path: 'cr:path',
  recordSet: 'cr:recordSet',
  references: 'cr:references',
  regex: 'cr:regex',
  repeated: 'cr:repeated',
  replace: 'cr:replace',
  samplingRate: 'cr:samplingRate',
  sc: 'https://schema.org/',
  separator: 'cr:separator',
  source: 'cr:source',
  subField: 'cr:subField',
  transform: 'cr:transform',
};

/** The JSON of `croissant.json`; `files` by path below the export's folder. */
export function croissant(input: CardInput, files: Readonly<Record<string, FileDigest>>): unknown {
  const { card, facts, rules, samples } = input;
  const name = card.name ?? 'An image-text corpus';
  const archives = Object.entries(files)
    .filter(([path]) => path.endsWith('.tar'))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const steps = rules.map(({ name: rule, settings }) => {
    const values = Object.entries(settings).map(
      ([setting, value]) => `${setting} ${JSON.stringify(value)} (${thresholdSource(rule, setting, value)})`,
    );
    return values.length === 0 ? rule : `${rule}: ${values.join(', ')}`;
  });
  const fileSet = (id: string, description: string, includes: string, encodingFormat: string) => ({
    '@type': 'cr:FileSet',
    '@id': id,
    name: id,
    description,
    containedIn: archives.map(([path]) => ({ '@id': path })),
    encodingFormat,
    includes,
  });
  const sourceOf = (set: string, extract: object, transform?: object) => ({
    fileSet: { '@id': set },
    extract,
    ...(transform === undefined ? {} : { transform }),
  });
  const keyOf = (set: string) => sourceOf(set, { fileProperty: 'filename' }, { regex: '^([^.]*)\\..*$' });
  return {
    '@context': context,
    '@type': 'sc:Dataset',
    conformsTo: 'http://mlcommons.org/croissant/1.1',
    name,
    description: card.description ?? 'Pairs of images and texts that describe them, from web pages.',
    license: card.license ?? 'other',
    ...(facts.collected === null ? {} : { datePublished: facts.collected.to }),
    version: '1.0.0',
    inLanguage: cardLanguages(input),
    isLiveDataset: false,
    'rai:dataCollection':
      'Images and the texts near them, taken from web pages by the lait crawler, which follows robots.txt.',
    'rai:dataCollectionType': ['Web Scraping'],
    ...(facts.collected === null ? {} : { 'rai:dataCollectionTimeframe': [facts.collected.from, facts.collected.to] }),
    'rai:dataPreprocessingProtocol': steps,
    'rai:dataLimitations': 'Texts are what pages said near an image: many describe it loosely or not at all.',
    'rai:dataBiases': 'The choice of sites decides what is shown and how it is spoken of.',
    'rai:personalSensitiveInformation': 'People may be seen and named; nothing was done to find or to blur them.',
    'rai:dataUseCases': 'Pretraining and evaluation of models of images and language.',
    'rai:dataReleaseMaintenancePlan': 'Items are removed on request with `lait takedown` and do not come back.',
    distribution: [
      ...archives.map(([path, { bytes, sha256 }]) => ({
        '@type': 'cr:FileObject',
        '@id': path,
        name: path,
        contentUrl: path,
        contentSize: `${bytes} B`,
        encodingFormat: 'application/x-tar',
        sha256,
      })),
      fileSet('images', `Images of ${samples.train + samples.validation} samples.`, '*.jpg', 'image/jpeg'),
      fileSet('texts', 'The text of each image.', '*.txt', 'text/plain'),
    ],
    recordSet: [
      {
        '@type': 'cr:RecordSet',
        '@id': 'samples',
        name: 'samples',
        description: 'An image and its text.',
        key: { '@id': 'samples/key' },
        field: [
          {
            '@type': 'cr:Field',
            '@id': 'samples/key',
            name: 'key',
            description: 'Name of the sample, unique within its split.',
            dataType: 'sc:Text',
            source: keyOf('images'),
            references: keyOf('texts'),
          },
          {
            '@type': 'cr:Field',
            '@id': 'samples/image',
            name: 'image',
            dataType: 'sc:ImageObject',
            source: sourceOf('images', { fileProperty: 'content' }),
          },
          {
            '@type': 'cr:Field',
            '@id': 'samples/caption',
            name: 'caption',
            dataType: 'sc:Text',
            source: sourceOf('texts', { fileProperty: 'content' }),
          },
        ],
      },
    ],
  };
}
