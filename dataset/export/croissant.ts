/**
 * `croissant.json`: the export described as Croissant 1.1 JSON-LD (MLCommons), so that loaders and search engines can read
 * it without reading the card: every archive with its hash, record sets of images and of texts, and the properties of
 * the responsible-AI vocabulary that the ledger can answer.
 */
import type { FileDigest } from '../atomic-file.ts';
import { type CardInput, cardLanguages, personsText, shownSetting, thresholdSource } from './card.ts';

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
  equivalentProperty: 'cr:equivalentProperty',
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

/** What a Croissant file says of a set beyond its files. */
export interface CroissantAccount {
  readonly name: string;
  readonly description: string;
  readonly license: string;
  readonly languages: readonly string[];
  /** `2026-01-31`, null when it is not known. */
  readonly published: string | null;
  /** Number of the set's version. Default: 1. */
  readonly version?: number;
  /** Samples by split. */
  readonly samples: Readonly<Record<string, number>>;
  /** Properties of the responsible-AI vocabulary. */
  readonly rai: Readonly<Record<string, unknown>>;
}

/** What the ledger can answer for an export. */
export function exportAccount(input: CardInput): CroissantAccount {
  const { card, facts, rules, samples, versions } = input;
  const steps = rules.map((rule) => {
    const values = Object.entries(rule.settings).map(
      ([setting, value]) => `${setting} ${shownSetting(value)} (${thresholdSource(rule, setting)})`,
    );
    return values.length === 0 ? rule.name : `${rule.name}: ${values.join(', ')}`;
  });
  return {
    name: card.name ?? 'An image-text corpus',
    description: card.description ?? 'Pairs of images and texts that describe them, from web pages.',
    license: card.license ?? 'other',
    languages: cardLanguages(input),
    published: facts.collected?.to ?? null,
    version: versions.at(-1)?.version ?? 1,
    samples,
    rai: {
      'rai:dataCollection':
        'Images and the texts near them, taken from web pages by the lait crawler, which follows robots.txt.',
      'rai:dataCollectionType': ['Web Scraping'],
      ...(facts.collected && { 'rai:dataCollectionTimeframe': [facts.collected.from, facts.collected.to] }),
      'rai:dataPreprocessingProtocol': steps,
      'rai:dataLimitations': 'Texts are what pages said near an image: many describe it loosely or not at all.',
      'rai:dataBiases': 'The choice of sites decides what is shown and how it is spoken of.',
      'rai:personalSensitiveInformation': personsText(rules),
      'rai:dataUseCases': 'Pretraining and evaluation of models of images and language.',
      'rai:dataReleaseMaintenancePlan': 'Items are removed on request with `lait takedown` and do not come back.',
    },
  };
}

/** The JSON of `croissant.json`; `files` by path below the set's folder. */
export function croissant(account: CroissantAccount, files: Readonly<Record<string, FileDigest>>): unknown {
  const { name, description, license, languages, published, version = 1, samples, rai } = account;
  const archives = Object.entries(files)
    .filter(([path]) => path.endsWith('.tar'))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const fileSet = (split: string, id: string, description: string, includes: string, encodingFormat: string) => ({
    '@type': 'cr:FileSet',
    '@id': id,
    name: id,
    description,
    containedIn: archives.filter(([path]) => path.startsWith(`${split}/`)).map(([path]) => ({ '@id': path })),
    encodingFormat,
    includes,
  });
  const field = (id: string, dataType: string, source: object) => ({
    '@type': 'cr:Field',
    '@id': id,
    name: id.slice(id.indexOf('/') + 1),
    dataType,
    source,
  });
  // An image and its text have the same key. No `references` between them: mlcroissant 1.1 cannot join two file sets.
  const keyOf = (set: string) => ({
    fileSet: { '@id': set },
    extract: { fileProperty: 'filename' },
    transform: { regex: '^([^.]*)\\..*$' },
  });
  const contentOf = (set: string) => ({ fileSet: { '@id': set }, extract: { fileProperty: 'content' } });
  const recordSet = (id: string, description: string, fields: readonly object[]) => ({
    '@type': 'cr:RecordSet',
    '@id': id,
    name: id,
    description,
    key: { '@id': `${id}/key` },
    field: fields,
  });
  const usedSplits = Object.keys(samples).filter((split) => samples[split]! > 0);
  return {
    '@context': context,
    '@type': 'sc:Dataset',
    conformsTo: 'http://mlcommons.org/croissant/1.1',
    name,
    description,
    license,
    ...(published === null ? {} : { datePublished: published }),
    version: `${version}.0.0`,
    citeAs: `${name}, made with lait`,
    ...(languages.length > 0 && { inLanguage: languages }),
    isLiveDataset: false,
    ...rai,
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
      ...usedSplits.flatMap((split) => [
        fileSet(split, `${split}-image-files`, `Images of ${split}.`, '*.jpg', 'image/jpeg'),
        fileSet(split, `${split}-text-files`, `Texts of ${split}.`, '*.txt', 'text/plain'),
      ]),
    ],
    recordSet: usedSplits.flatMap((split) => [
      recordSet(`${split}-texts`, `The ${samples[split]} texts of ${split}.`, [
        field(`${split}-texts/key`, 'sc:Text', keyOf(`${split}-text-files`)),
        field(`${split}-texts/caption`, 'sc:Text', contentOf(`${split}-text-files`)),
      ]),
      recordSet(`${split}-images`, `The ${samples[split]} images of ${split}.`, [
        field(`${split}-images/key`, 'sc:Text', keyOf(`${split}-image-files`)),
        field(`${split}-images/image`, 'sc:ImageObject', contentOf(`${split}-image-files`)),
      ]),
    ]),
  };
}
