/**
 * The facts that the public summary of training content asks for (Regulation (EU) 2024/1689, Article 53(1)(d), with the
 * Commission's template of July 2025), as far as a corpus knows them: what was collected, from where, when, by which crawler, which
 * opt-outs were obeyed. It follows the template's order in our own words. What only the provider of a model can say is marked. It is a
 * help, no legal advice.
 */
import { csvCell, markdownCode } from '../escape.ts';
import type { TrainingFacts } from '../ledger/training-facts.ts';
import { type CardInput, cardLanguages, markdownTable, personsText } from './card.ts';

export const summaryName = 'training-content-summary.md';
export const summaryDataName = 'training-content-summary.json';
export const domainsName = 'training-content-domains.csv';

/** What the template asks all providers for, and those of small and medium size: 5 % or 1,000, whichever is less. */
const largestShare = 0.1;
const smallProviders = { share: 0.05, max: 1000 };

/** So many are in the text; all are in the table beside it. */
const domainsShown = 100;

const toFill = (what: string) => `**To be filled in:** ${what}`;

const sizeClass = (n: number, bounds: readonly [number, number], names: readonly [string, string, string]) =>
  n < bounds[0] ? names[0] : n <= bounds[1] ? names[1] : names[2];

const imageClass = (images: number) =>
  sizeClass(images, [1e6, 1e9], ['less than 1 million', '1 million to 1 billion', 'more than 1 billion']);

/** Four characters are about a token. */
const textClass = (characters: number) =>
  sizeClass(
    characters / 4,
    [1e9, 1e13],
    ['less than 1 billion tokens', '1 billion to 10 trillion tokens', 'more than 10 trillion tokens'],
  );

/** How many of the largest domains each kind of provider names. */
export function domainCounts(domains: number): { readonly all: number; readonly small: number } {
  const share = (of: number) => Math.ceil(domains * of - 1e-9);
  return { all: share(largestShare), small: Math.min(share(smallProviders.share), smallProviders.max) };
}

const month = (day: string) => `${day.slice(5, 7)}/${day.slice(0, 4)}`;

/** The facts as JSON. `null` is what the provider has to say. */
export function summaryData(input: CardInput, facts: TrainingFacts) {
  const { collected, licenses, rightsSignals } = input.facts;
  const { domains, ...others } = facts;
  const measures = input.rules.filter(({ name }) => /unsafe|personal/.test(name));
  return {
    template: 'Regulation (EU) 2024/1689, Article 53(1)(d), template of July 2025',
    isLegalAdvice: false,
    general: {
      provider: null,
      model: null,
      modalities: {
        text: { texts: others.texts, characters: others.textCharacters, size: textClass(others.textCharacters) },
        image: { images: others.images, bytes: others.imageBytes, size: imageClass(others.images) },
      },
      languages: others.languages,
      latestCollection: collected?.to ?? null,
    },
    sources: {
      publicDatasets: others.lists,
      privateDatasets: null,
      crawled: {
        crawler: { name: 'lait', userAgent: input.card.userAgent ?? null },
        period: collected,
        domains: { count: domains.length, largest: domainCounts(domains.length), file: domainsName },
        licenses,
      },
      userData: null,
      syntheticData: null,
      other: null,
    },
    processing: {
      reservationsOfRights: { refused: others.optOuts, signalsSeen: rightsSignals },
      illegalContent: {
        rules: measures.map(({ name, settings }) => ({ name, settings })),
        takenDown: others.takenDown,
      },
    },
  };
}

/** All domains, largest first. */
export const domainsCsv = ({ domains }: TrainingFacts): string =>
  `rank,domain,images,texts,bytes\n${domains
    .map(({ domain, images, texts, bytes }, at) => `${at + 1},${csvCell(domain)},${images},${texts},${bytes}\n`)
    .join('')}`;

/** The text of the summary. */
export function summaryText(input: CardInput, facts: TrainingFacts): string {
  const { card, rules } = input;
  const { collected, licenses, rightsSignals } = input.facts;
  const { all, small } = domainCounts(facts.domains.length);
  const shown = facts.domains.slice(0, Math.min(all, domainsShown));
  const count = (n: number) => n.toLocaleString('en-US');
  const spoken = facts.languages.map(({ name, count: n }) => `${name === '' ? 'not detected' : name} ${count(n)}`);
  const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[], none: string) =>
    rows.length === 0 ? none : markdownTable(head, rows);
  const isJudged = rules.some(({ name }) => /unsafe/.test(name));
  return `# Summary of training content

For the public summary that Article 53(1)(d) of Regulation (EU) 2024/1689 asks of providers of general-purpose AI models, in the order
of the Commission's template. The numbers are the corpus's own: its kept pairs and all that was refused. Whoever trains a model on it
completes the places that are marked. This is a help, not legal advice.

## 1. General information

### 1.1 Provider

${toFill('name and contact of the provider, and of the authorised representative in the Union.')}

### 1.2 Model

${toFill('names and versions of the model, the models it builds on, the date of its placing on the Union market.')}

### 1.3 Modalities, size and characteristics

${markdownTable(
  ['modality', 'content', 'size class'],
  [
    [
      'text',
      `${count(facts.texts)} captions and alternative texts, ${count(facts.textCharacters)} characters`,
      textClass(facts.textCharacters),
    ],
    [
      'image',
      `${count(facts.images)} pictures of web pages, ${(facts.imageBytes / 1e6).toFixed(1)} MB`,
      imageClass(facts.images),
    ],
  ],
)}

Latest collection: ${collected === null ? 'nothing was collected' : month(collected.to)}. ${toFill('whether collection goes on after the model is placed on the market.')}

Languages of the texts, in pairs: ${spoken.length === 0 ? 'none' : spoken.join(', ')}${facts.languages.every(({ name }) => name === '') && cardLanguages(input).length > 0 ? ` (the rules keep ${cardLanguages(input).join(', ')})` : ''}.

## 2. Data sources

### 2.1 Publicly available datasets

${table(
  ['list of addresses', 'pairs'],
  facts.lists.map(({ name, count: n }) => [markdownCode(name), n]),
  'No list of addresses was read; every pair was found by the crawler.',
)}

${toFill('names and links of the datasets that these lists are, and of any other that the model was trained on.')}

### 2.2 Private datasets of third parties

None is in this corpus. ${toFill('licensed and other private data that the model was trained on.')}

### 2.3 Data crawled from online sources

- Crawler: lait, ${card.userAgent === undefined ? 'whose User-Agent is not recorded here' : `which calls itself ${markdownCode(card.userAgent)}`}. ${toFill('on whose behalf it ran.')}
- Behaviour: it follows robots.txt (RFC 9309), rests between the requests to a host, names itself, passes no login, paywall or captcha,
  and reads reservations of rights before it takes a picture's bytes.
- Purpose: pairs of images and texts that describe them.
- Period: ${collected === null ? 'none' : `${month(collected.from)} to ${month(collected.to)}`}.
- Content: pictures that web pages show, with captions, alternative texts and titles. ${toFill('the kinds of sites that the crawl began from.')}

Content was kept from ${count(facts.domains.length)} registrable domains. The template asks for the largest 10 % by size (here ${count(all)}), of small and
medium-sized providers for 5 % or 1,000, whichever is less (here ${count(small)}). All are in \`${domainsName}\`, largest first${shown.length < all ? `; the first ${shown.length}` : ''}:

${table(
  ['domain', 'images', 'texts', 'bytes'],
  shown.map(({ domain, images, texts, bytes }) => [markdownCode(domain), images, texts, bytes]),
  'None.',
)}

Kept pairs by the licence link of their page:

${table(
  ['licence', 'pairs'],
  licenses.map(({ name, count: n }) => [name === '' ? 'no link found' : markdownCode(name), n]),
  'None.',
)}

### 2.4 User data

None is in this corpus. ${toFill('data of the provider’s own users.')}

### 2.5 Synthetic data

None was made for this corpus; whether a page showed generated pictures is not known. ${toFill('data that other models made.')}

### 2.6 Other sources

${toFill('any other.')}

## 3. Processing

### 3.1 Respect of reservations of rights

Every opt-out that the crawler knows is obeyed and no setting switches one off: robots.txt, X-Robots-Tag and robots meta tags, TDMRep,
AIPREF Content-Usage, Content-Signal, RSL licences, and what pictures say themselves (IPTC and PLUS data mining, C2PA, CAWG). Not
taken because of them:

${table(
  ['what', 'reason', 'count'],
  facts.optOuts.map(({ what, name, count: n }) => [what, markdownCode(name), n]),
  'Nothing: no page or image that was asked for reserved its rights.',
)}

Signals seen on pages, permissions too:

${table(
  ['signal', 'pages'],
  rightsSignals.map(({ name, count: n }) => [markdownCode(name), n]),
  'None.',
)}

Removed on request, and kept from coming back:

${table(
  ['by', 'requests'],
  facts.takenDown.map(({ name, count: n }) => [name, n]),
  'Nothing was asked for.',
)}

${toFill('where holders of rights can complain, and signature of the code of practice, if any.')}

### 3.2 Removal of illegal content

${
  isJudged
    ? `${rules
        .filter(({ name }) => /unsafe/.test(name))
        .map(({ name }) => markdownCode(name))
        .join(
          ' and ',
        )} dropped pairs that they took for pornographic or abusive. No list of known illegal material was compared.`
    : 'No rule looked for illegal content.'
} ${personsText(rules)} ${toFill('further measures.')}

### 3.3 Other information

Rules and their thresholds are in the dataset card, \`README.md\`.
`;
}
