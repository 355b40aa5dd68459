/**
 * Which language a short text is in: the detectors that packages ship, on captions whose language is known. A case file has
 * one case a line, `LANGUAGE<tab>TEXT` (ISO 639-1); each file is one row group. Prints, for each detector that is installed,
 * accuracy over all languages, recall of English, the share of other languages called English, texts a second on one core,
 * and what loading takes. Only eld is a dependency; `npm install --no-save fasttext.wasm.js tinyld franc cld3-asm lande` brings the others.
 *
 *     node --import tsx bench/language.ts CASES.tsv [MORE.tsv …] [--words 3] [--each]
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values: flags, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    words: { type: 'string', default: '0' },
    each: { type: 'boolean', default: false },
    packages: { type: 'string', default: process.cwd() },
  },
});

type Detect = (text: string) => string | Promise<string>;

/** Node resolves the other detectors from this folder's node_modules. */
const from = createRequire(join(flags.packages, 'package.json'));
const load = async (name: string) => import(pathToFileURL(from.resolve(name)).href);

const threeToTwo = (code: string) => new Intl.Locale(code === 'und' ? 'und' : code).language;

const detectors: Record<string, () => Promise<Detect>> = {
  'eld large': async () => eld(await import('eld/large')),
  'eld medium': async () => eld(await import('eld/medium')),
  'eld small': async () => eld(await import('eld/small')),
  'fasttext lid.176.ftz': async () => {
    const { getLIDModel } = await load('fasttext.wasm.js');
    const model = await getLIDModel();
    await model.load();
    return async (text) => (await model.identify(text)).alpha2 ?? '';
  },
  tinyld: async () => (await load('tinyld')).detect,
  franc: async () => {
    const { franc } = await load('franc');
    return (text) => threeToTwo(franc(text, { minLength: 1 }));
  },
  'cld3-asm': async () => {
    const { loadModule } = (await load('cld3-asm')).default ?? (await load('cld3-asm'));
    const identifier = (await loadModule()).create(0, 1000);
    return (text) => identifier.findLanguage(text).language.replace(/-.*/, '').replace('iw', 'he');
  },
  lande: async () => {
    const lande = (await load('lande')).default;
    return (text) => threeToTwo(lande(text)[0]?.[0] ?? 'und');
  },
};

function eld({ eld: detector }: typeof import('eld/large')): Detect {
  return (text) => detector.detect(text).language;
}

/** Norwegian is one language here, as most detectors know Bokmål only; Filipino is Tagalog. */
const same: Readonly<Record<string, string>> = { nb: 'no', nn: 'no', fil: 'tl' };
const code = (language: string) => same[language] ?? language;

interface Case {
  readonly language: string;
  readonly text: string;
}
const groups = files.map((file) => ({
  name: basename(file).replace(/\.tsv$/, ''),
  cases: readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line): Case => {
      const [language = '', text = ''] = line.split('\t');
      const words = Number(flags.words);
      return { language: code(language), text: words > 0 ? text.split(' ').slice(0, words).join(' ') : text };
    }),
}));
if (groups.length === 0 || files.some((file) => !existsSync(file))) {
  console.error('Expected files of LANGUAGE<tab>TEXT but received none; give their paths.');
  process.exit(2);
}

const percent = (share: number) => (Number.isNaN(share) ? '' : `${(100 * share).toFixed(1)}`.padStart(6));
console.log(
  'detector | cases | texts | languages | accuracy | English recall | others called English | texts/s | load ms, MB',
);
for (const [name, open] of Object.entries(detectors)) {
  const before = { ms: performance.now(), mb: process.memoryUsage().rss };
  let detect: Detect;
  try {
    detect = await open();
  } catch {
    console.log(`${name} | not installed`);
    continue;
  }
  await detect('A red boat on the beach');
  const loadMs = Math.round(performance.now() - before.ms);
  const loadMb = Math.round((process.memoryUsage().rss - before.mb) / 1e6);
  for (const { name: group, cases } of groups) {
    for (const { text } of cases.slice(0, 200)) await detect(text);
    const start = process.cpuUsage();
    const answers: string[] = [];
    for (const { text } of cases) {
      const answer = detect(text);
      answers.push(code(typeof answer === 'string' ? answer : await answer));
    }
    const { user, system } = process.cpuUsage(start);
    const right = (which: (language: string) => boolean) => {
      const ours = cases
        .map(({ language }, at) => ({ language, answer: answers[at] }))
        .filter((c) => which(c.language));
      return ours.filter(({ language, answer }) => language === answer).length / ours.length;
    };
    const others = cases
      .map(({ language }, at) => ({ language, answer: answers[at] }))
      .filter((c) => c.language !== 'en');
    const falseEnglish = others.filter(({ answer }) => answer === 'en').length / others.length;
    const languages = [...new Set(cases.map(({ language }) => language))].sort();
    console.log(
      `${name} | ${group} | ${cases.length} | ${languages.length} | ${percent(right(() => true))} | ${percent(right((l) => l === 'en'))} | ${percent(falseEnglish)} | ${Math.round(cases.length / ((user + system) / 1e6))} | ${loadMs}, ${loadMb}`,
    );
    if (flags.each) {
      console.log(`    ${languages.map((l) => `${l} ${percent(right((x) => x === l)).trim()}`).join(', ')}`);
    }
  }
}
