/**
 * Captioned pictures of OpenStax textbooks under CC BY 4.0, for benches: of each picture the alternative text and the caption of its
 * figure. Books whose licence has changed since are read as they were before. What was learned from some of them: docs/learning.md, "A model that
 * could ship".
 *
 * FOLDER gets `NAME.git`, by git; what is there already is used.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { load } from 'cheerio';
import { UserError } from '../dataset/user-error.ts';

/** Each with its last commit under CC BY 4.0 (© Rice University, OpenStax; `LICENSE` of that commit). */
export const textbooks = {
  psychology: 'e061043bf2f9e86ace51c4e8dc9555160f60a99d',
  'introduction-sociology': 'd35d5f3bdac40f93607d600134865d4f13ce1f9b',
  'college-success-bundle': '4c04b87eb2753872c2d442fe9736859ddb27bb72',
  entrepreneurship: 'c1fa2c872ba07dc864c3aeb5a510b08b4f657288',
  'introduction-anthropology': '418eedd9bef21ec1a6fa1b472c0d82c084e35c70',
  'principles-marketing': '40369d8ce3adb160cf8d2cc6528cd00be6a472eb',
  'us-history': '046331cfcea0ac1b1a8fd461b3e6aae638845af3',
  'nursing-external-bundle': '7876f90a3dbdc0756e21a374d4a46526d0ac453b',
  'introduction-business': '78c9e7ad4e581d4ff98e78ea30214840e1fa7e1e',
  'american-government': '5c90dd7907dbf25f42266417e63ca3bb0012f031',
  'introduction-political-science': '4391e659b98eec43b71e8b3f08241215fb4dd4c4',
  'life-liberty-and-pursuit-happiness': 'acb6fbe2744dd112187b6aff5946cfe969410fca',
  'world-history': '3e17beda9130380d24be881e6d1942dfcc1be845',
  'introduction-philosophy': 'd7bd4f0f520529b3ad83272448a9c2be25c9040a',
  'writing-guide': 'a6c95528390e3a2936f5bf87c49ac1a4995a0a6e',
  'principles-economics-bundle': 'cd31beb103fffbc09cc81ebfe117d8c40cc12d1a',
} as const;

export interface TextbookPicture {
  readonly book: string;
  /** In the repository. */
  readonly path: string;
  readonly bytes: Buffer;
  readonly alt: string;
  /** Empty where its figure has none. */
  readonly caption: string;
}

/** Files read at once: a picture has a megabyte or two. */
const filesAtOnce = 64;

/** Every picture with an alternative text, once, in the order of the modules' names. */
export function* textbookPictures(folder: string): Generator<TextbookPicture> {
  for (const [book, commit] of Object.entries(textbooks)) {
    const git = join(folder, `osbooks-${book}.git`);
    if (!existsSync(git))
      execFileSync('git', ['clone', '--quiet', '--bare', `https://github.com/openstax/osbooks-${book}`, git]);
    const licence = filesOf(git, commit, ['LICENSE']).get('LICENSE')?.toString('utf8') ?? '';
    if (!licence.startsWith('Attribution 4.0 International')) {
      throw new UserError(`Expected CC BY 4.0 for osbooks-${book} at ${commit} but received ${licence.split('\n')[0]}; leave it out.`); // biome-ignore format: one line
    }
    const modules = run(git, ['ls-tree', '-r', '--name-only', commit, 'modules']).toString('utf8').trim().split('\n');
    const known = new Map<string, Pick<TextbookPicture, 'alt' | 'caption'>>();
    for (const [path, bytes] of filesOf(git, commit, modules)) {
      for (const [image, texts] of picturesOf(path, bytes.toString('utf8'))) {
        if (!known.has(image)) known.set(image, texts);
      }
    }
    const paths = [...known.keys()];
    for (let from = 0; from < paths.length; from += filesAtOnce) {
      for (const [path, bytes] of filesOf(git, commit, paths.slice(from, from + filesAtOnce)))
        yield { book, path, bytes, ...known.get(path)! };
    }
  }
}

/** Pictures of a module of CNXML by their paths in the repository. */
function* picturesOf(module: string, xml: string): Generator<readonly [string, { alt: string; caption: string }]> {
  const $ = load(xml, { xml: true });
  for (const media of $('media[alt]').toArray()) {
    const source = $('image', media).attr('src');
    const alt = oneLine($(media).attr('alt')!);
    if (source === undefined || alt === '') continue;
    const caption = oneLine($(media).closest('figure').children('caption').text());
    yield [posix.join(posix.dirname(module), source), { alt, caption }];
  }
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

const run = (git: string, args: readonly string[], input?: string): Buffer =>
  execFileSync('git', ['-C', git, ...args], { maxBuffer: 2 ** 31 - 1, ...(input !== undefined && { input }) });

/** Files of a commit by their paths; those that the copy of the repository does not have are left out. */
function filesOf(git: string, commit: string, paths: readonly string[]): Map<string, Buffer> {
  const all = run(git, ['cat-file', '--batch'], paths.map((path) => `${commit}:${path}\n`).join(''));
  const files = new Map<string, Buffer>();
  let at = 0;
  for (const path of paths) {
    const end = all.indexOf('\n', at);
    const [, kind, size] = /^\S+ (\w+) (\d+)$/.exec(all.toString('utf8', at, end)) ?? [];
    at = end + 1;
    if (size === undefined) continue;
    if (kind === 'blob') files.set(path, all.subarray(at, at + Number(size)));
    at += Number(size) + 1;
  }
  return files;
}
