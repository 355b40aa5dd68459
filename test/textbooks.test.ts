/**
 * The crawl and the whole `lait` recipe on pages of two real textbooks: which pictures survive, by which text, and what
 * drops the others. `LAIT_TEXTBOOKS=FOLDER` takes another folder with sites and their `truth.jsonl` instead.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { findBrowser, sandbox } from '../cli/setup/browser.ts';
import { crawl } from '../crawler/crawl.ts';
import type { Funnel } from '../dataset/ledger/funnel.ts';
import { keptSamples } from '../dataset/ledger/survivors.ts';
import { type RecipeOptions, recipe } from '../filters/recipe.ts';
import { screen } from '../filters/screen.ts';
import { corpusWords } from '../filters/text/corpus-words.ts';
import { englishWords } from '../filters/text/english-words.ts';
import { type TemporaryCorpus, temporaryCorpus } from './helpers/corpus.ts';
import { type Site, startSite } from './helpers/site.ts';

const own = join(import.meta.dirname, 'textbooks');
const folder = process.env.LAIT_TEXTBOOKS ?? own;

interface Content {
  readonly url: string;
  readonly alt: string;
  readonly lang: string;
  readonly large: boolean;
}

const sites: Site[] = [];
const contents: Content[] = [];
let corpus: TemporaryCorpus;

before(async () => {
  for (const name of readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)) {
    const site = await startSite({ folder: join(folder, name) });
    sites.push(site);
    for (const line of readFileSync(join(folder, name, 'truth.jsonl'), 'utf8')
      .trim()
      .split('\n')) {
      const { image, alt, lang, width, height } = JSON.parse(line) as Record<string, string> & {
        width: number;
        height: number;
      };
      contents.push({ url: `${site.url}/${image}`, alt: alt!, lang: lang!, large: Math.min(width, height) > 300 });
    }
  }
  corpus = temporaryCorpus();
  const browserPath = folder === own ? undefined : await findBrowser();
  await crawl(
    {
      seeds: sites.map(({ url }) => `${url}/index.html`),
      corpusDir: corpus.dir,
      allowPrivate: true,
      minDelayMs: 0,
      ...(browserPath ? { browserPath, browserSandbox: sandbox() } : { render: 'never' }),
    },
    corpus,
  );
});
after(async () => {
  corpus.remove();
  await Promise.all(sites.map((site) => site.close()));
});

const judge = (options: RecipeOptions = {}): Promise<Funnel> => {
  const vocabulary = englishWords();
  const knownWords = () => corpusWords(corpus.ledger, { vocabulary });
  return screen({ ledger: corpus.ledger, recipe: recipe({ knownWords, ...options }) });
};
const kept = () => [...keptSamples(corpus.ledger)];
const reasons = ({ rows }: Funnel) =>
  Object.fromEntries(
    rows.flatMap(({ rule, reasons: list }) => list.map(({ reason, count }) => [`${rule}:${reason}`, count])),
  );

describe('two textbooks', () => {
  it('at least 90 % of the large English pictures survive lait, nothing Spanish, no decoration', async () => {
    const funnel = await judge();
    const survivors = kept();
    const urls = new Set(survivors.map(({ imageUrl }) => imageUrl));
    const wanted = contents.filter(({ lang, large }) => lang === 'en' && large);
    const found = wanted.filter(({ url }) => urls.has(url));
    assert.ok(found.length >= 0.9 * wanted.length, `${found.length} of ${wanted.length}`);
    const byUrl = new Map(contents.map((content) => [content.url, content]));
    assert.deepEqual(
      survivors.filter(({ imageUrl }) => byUrl.get(imageUrl)?.lang !== 'en').map(({ imageUrl }) => imageUrl),
      [],
    );
    if (process.env.LAIT_TEXTBOOKS) {
      const alts = survivors.filter(({ source }) => source === 'alt').length;
      console.log(`${found.length} of ${wanted.length} large English pictures survive, ${alts} with their alt text`);
      console.log(reasons(funnel));
      return;
    }
    assert.deepEqual([contents.length, wanted.length, found.length, survivors.length], [41, 31, 31, 31]);
    assert.deepEqual(reasons(funnel), {
      'image/dominant:furniture': 2,
      'text/length:too-few-words': 7,
      'page/language:is-es': 21,
      'text/rare-words:rare-words': 1,
      'image/size:too-small': 4,
      // Paragraphs of an article are texts of a picture only where it has no other.
      'corpus/best-text:better-text': 41,
    });
  });

  it('a long alternative text survives by its first sentences', async () => {
    await judge();
    const long = contents.filter(({ lang, large, alt }) => lang === 'en' && large && alt.split(' ').length > 64);
    const texts = new Map(kept().map(({ imageUrl, text }) => [imageUrl, text]));
    for (const { url, alt } of long) {
      const text = texts.get(url) ?? '';
      assert.ok(text.length > 40 && alt.startsWith(text) && text.endsWith('.'), text);
    }
    assert.ok(long.length >= 2);
  });
});
