/**
 * Gathers labelled pictures for `bench/photo.ts`: photographs, drawings, screenshots, diagrams and slides from openly
 * licensed Debian packages and OpenStax textbooks, and slides that Chromium lays out. Labels come from what a source is, or from
 * what its own alt text says first. Whole sources go to `train` or to `test`, so that a test picture never shares its source,
 * and so its style, with one that was learned from.
 *
 *     node --import tsx bench/photo-pictures.ts FOLDER
 *
 * FOLDER gets `deb/` (packages, by apt-get), `NAME.git` (textbooks, by git) and `pictures/SPLIT/CLASS/SOURCE/`; what is there
 * already is used. Photographs for measuring alone go in by hand, such as `pictures/test/photo/flickr8k/`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { chromium } from 'playwright';
import sharp from 'sharp';
import type { PictureClass } from '../model/scorers/photo.ts';

interface Source {
  readonly split: 'train' | 'test';
  readonly class: PictureClass;
  readonly licence: string;
  /** Every how many files one is taken; 1 when left out. */
  readonly every?: number;
}

interface DebianSource extends Source {
  readonly package: string;
  /** Paths in the package. */
  readonly match: RegExp;
}

/** Pictures of a book whose alt text matches. */
interface BookSource extends Source {
  readonly book: string;
  readonly alt: RegExp;
  /** Added to the name of the source. */
  readonly as?: string;
  readonly notAlt?: RegExp;
}

const englishPhoto =
  /^\W*(?:(?:an?|the|two|three|color|colou?red|black|and|white|aerial|old|this)\s+)*photo(?:graph)?s?\b/i;
const spanishPhoto = /^\W*(?:(?:una?|la|las|esta|dos|se muestra)\s+)*foto(?:graf[ií]a)?s?\b/i;
const drawn = /^\W*(?:\w+\s+){0,3}(?:cartoon|drawing|sketch|engraving|lithograph|illustration|woodcut|poster)s?\b/i;
const painted = /^\W*(?:\w+\s+){0,3}(?:painting|portrait|mural|watercolou?r)s?\b/i;
const diagrammed = /^\W*(?:\w+\s+){0,2}(?:map|chart|graph|diagram|timeline|table|flowchart)s?\b/i;
const photoOrMicrograph = /foto|micrograf|imagen|image|photo|retrato/i;

const debian: readonly DebianSource[] = [
  {
    split: 'train',
    class: 'photo',
    licence: 'CC BY-SA',
    package: 'lomiri-wallpapers-16.04',
    match: /backgrounds\/(?!analogpattern).*\.jpg$/,
  },
  {
    split: 'train',
    class: 'photo',
    licence: 'LGPL-3, CC BY-SA',
    package: 'plasma-workspace-wallpapers',
    match:
      /(?:Altai|Autumn|BytheWater|Canopee|ColorfulCups|FallenLeaf|Grey|OneStandsOut|Path)\/contents\/images\/.*\.jpg$/,
  },
  {
    split: 'train',
    class: 'screenshot',
    licence: 'GPL-2+ or CC BY-SA 3.0',
    package: 'debian-handbook',
    match:
      /html\/(?:en-US|ar-MA|zh-CN|pt-BR|fr-FR|de-DE)\/images\/(?!.*(?:logo|cover|stock|next|prev|home|toc)).*\.png$/,
  },
  {
    split: 'train',
    class: 'screenshot',
    licence: 'CC BY-SA 4.0',
    package: 'freedombox-doc-en',
    match: /manual\/en\/images\/.*\.png$/,
  },
  {
    split: 'train',
    class: 'diagram',
    licence: 'BSD-3-Clause',
    package: 'python-sklearn-doc',
    match:
      /html\/_images\/sphx_glr_(?!.*(?:face|olivetti|digits|china|coin|thumb|segment|raccoon|quantization|patch|denois|dict)).*\.png$/,
  },
  {
    split: 'train',
    class: 'drawing',
    licence: 'public domain',
    package: 'openclipart-svg',
    match: /svg\/(?!shapes|computer\/icons|signs_and_symbols).*\.svg$/,
    every: 4,
  },
  {
    split: 'train',
    class: 'drawing',
    licence: 'CC BY-SA 3.0',
    package: 'flare-game',
    match: /fantasycore\/images\/(?:portraits|avatar\/[^/]+)\/.*\.png$/,
    every: 2,
  },
  { split: 'test', class: 'photo', licence: 'GPL-2', package: 'mate-backgrounds', match: /nature\/.*\.jpg$/ },
  {
    split: 'test',
    class: 'drawing',
    licence: 'GPL-2+',
    package: 'wesnoth-1.16-data',
    match: /core\/images\/(?:portraits|story)\/.*\.(?:png|jpg|webp)$/,
  },
  {
    split: 'test',
    class: 'screenshot',
    licence: 'GFDL-1.2+',
    package: 'gimp-help-en',
    match: /images\/(?:dialogs|menus|preferences)\/.*\.png$/,
  },
  {
    split: 'test',
    class: 'screenshot',
    licence: 'GPL-3+ or CC BY 3.0',
    package: 'kicad-doc-en',
    match: /images\/(?:en\/)?[^/]*\.png$/,
  },
  { split: 'test', class: 'diagram', licence: 'GPL-3+', package: 'octave-doc', match: /octave\.html\/.*\.png$/ },
  {
    split: 'test',
    class: 'diagram',
    licence: 'GPL-2+',
    package: 'grass-doc',
    match: /html\/[^/]*(?:plot|scatter|hist|diagram|graph|flow|chart|workflow)[^/]*\.png$/i,
  },
  {
    split: 'test',
    class: 'diagram',
    licence: 'BSD-3-Clause',
    package: 'python-astropy-doc',
    match: /html\/(?:_images|.*)\/.*\.png$/,
  },
  {
    split: 'test',
    class: 'slide',
    licence: 'GFDL-1.3, GPL-2',
    package: 'texlive-latex-recommended-doc',
    match: /beamer\/beamerexample-(?:lecture-beamer-version|conference-talk)\.pdf$/,
  },
];

const books: readonly BookSource[] = [
  ...(['life-liberty-and-pursuit-happiness', 'introduction-business', 'introduction-anthropology'] as const).flatMap(
    (book): BookSource[] => [
      { split: 'train', class: 'photo', licence: 'CC BY 4.0', book, alt: englishPhoto },
      { split: 'train', class: 'drawing', licence: 'CC BY 4.0', book, alt: drawn },
      { split: 'train', class: 'diagram', licence: 'CC BY 4.0', book, alt: diagrammed },
    ],
  ),
  {
    split: 'train',
    class: 'drawing',
    licence: 'CC BY 4.0',
    book: 'life-liberty-and-pursuit-happiness',
    as: 'paintings',
    alt: painted,
  },
  ...(['introduction-sociology', 'psychology', 'american-government', 'astronomy'] as const).flatMap(
    (book): BookSource[] => [
      { split: 'train', class: 'photo', licence: 'CC BY 4.0 before 2026', book, alt: englishPhoto },
      { split: 'train', class: 'diagram', licence: 'CC BY 4.0 before 2026', book, alt: diagrammed },
    ],
  ),
  { split: 'train', class: 'photo', licence: 'CC BY 4.0', book: 'fisica-universitaria-bundle', alt: spanishPhoto },
  {
    split: 'train',
    class: 'diagram',
    licence: 'CC BY 4.0',
    book: 'fisica-universitaria-bundle',
    alt: /\w/,
    notAlt: photoOrMicrograph,
    every: 2,
  },
  { split: 'test', class: 'photo', licence: 'CC BY 4.0', book: 'quimica-bundle', alt: spanishPhoto },
  {
    split: 'test',
    class: 'diagram',
    licence: 'CC BY 4.0',
    book: 'quimica-bundle',
    alt: /diagrama|gr[aá]fic|tabla|estructura|esquema/i,
    notAlt: photoOrMicrograph,
    every: 3,
  },
  { split: 'test', class: 'photo', licence: 'CC BY 4.0 before 2026', book: 'world-history', alt: englishPhoto },
  { split: 'test', class: 'drawing', licence: 'CC BY 4.0 before 2026', book: 'world-history', alt: drawn },
  { split: 'test', class: 'diagram', licence: 'CC BY 4.0 before 2026', book: 'world-history', alt: diagrammed },
];

/** Of the shorter side: below it nothing is kept by `image/size` of any preset but `laion`. */
const minSidePx = 200;

const folder = resolve(process.argv[2] ?? '.');
const work = join(folder, 'work');
mkdirSync(join(folder, 'deb'), { recursive: true });

/** Writes what decodes and is large enough, vector drawings as PNG; gives how many. */
async function write(
  source: Source,
  name: string,
  files: Iterable<readonly [name: string, bytes: Buffer]>,
): Promise<number> {
  const target = join(folder, 'pictures', source.split, source.class, name);
  mkdirSync(target, { recursive: true });
  let count = 0;
  for (const [file, bytes] of files) {
    try {
      const vector = /\.svgz?$/.test(file);
      const image = sharp(bytes, { failOn: 'error', ...(vector && { density: 150 }) });
      const { width, height } = await image.metadata();
      if (!vector && Math.min(width, height) < minSidePx) continue;
      const small = vector
        ? image.resize(512, 512, { fit: 'inside' }).flatten({ background: '#ffffff' })
        : image.rotate().resize(1024, 1024, { fit: 'inside', withoutEnlargement: true });
      const encoded = await (/\.jpe?g$/i.test(file) ? small.jpeg({ quality: 90 }) : small.png()).toBuffer();
      const name = `${String(count).padStart(5, '0')}${/\.jpe?g$/i.test(file) ? '.jpg' : '.png'}`;
      count += 1;
      writeFileSync(join(target, name), encoded);
    } catch {
      // A file that is no picture is none of the set.
    }
  }
  console.log(`${source.split.padEnd(6)}${source.class.padEnd(11)}${name.padEnd(40)}${count}`);
  return count;
}

const thinned = <T>(list: readonly T[], { every = 1 }: Source): T[] => list.filter((_, at) => at % every === 0);

for (const source of debian) {
  if (existsSync(join(folder, 'pictures', source.split, source.class, source.package))) continue;
  const find = () => readdirSync(join(folder, 'deb')).find((name) => name.startsWith(`${source.package}_`));
  if (!find())
    execFileSync('apt-get', ['download', '-q', source.package], { cwd: join(folder, 'deb'), stdio: 'ignore' });
  rmSync(work, { recursive: true, force: true });
  execFileSync('dpkg-deb', ['-x', join(folder, 'deb', find()!), work]);
  let paths = readdirSync(work, { recursive: true, encoding: 'utf8' })
    .filter((path) => source.match.test(path))
    .sort();
  if (paths.some((path) => path.endsWith('.pdf'))) {
    for (const path of paths)
      execFileSync('pdftoppm', ['-png', '-r', '130', join(work, path), join(work, basename(path, '.pdf'))]);
    paths = readdirSync(work).filter((name) => name.endsWith('.png'));
  }
  await write(
    source,
    source.package,
    thinned(paths, source).map((path) => [path, readFileSync(join(work, path))]),
  );
}
rmSync(work, { recursive: true, force: true });

for (const source of books) {
  const repository = `osbooks-${source.book}`;
  const name = source.as ? `${repository}-${source.as}` : repository;
  if (existsSync(join(folder, 'pictures', source.split, source.class, name))) continue;
  const git = join(folder, `${repository}.git`);
  if (!existsSync(git))
    execFileSync('git', [
      'clone',
      '--quiet',
      '--bare',
      '--depth',
      '1',
      `https://github.com/openstax/${repository}`,
      git,
    ]);
  const run = (args: string[]) =>
    execFileSync('git', ['-C', git, ...args], { maxBuffer: 2 ** 30, stdio: ['ignore', 'pipe', 'ignore'] });
  const text = run(['grep', '-hE', 'alt="|<image', 'HEAD', '--', 'modules']).toString('utf8');
  const found = new Set<string>();
  for (const [, alt, media] of text.matchAll(/alt="([^"]*)"[^<]*\s*<image[^>]*src="\.\.\/\.\.\/(media\/[^"]+)"/g)) {
    if (source.alt.test(alt!) && !source.notAlt?.test(alt!)) found.add(media!);
  }
  const files = thinned([...found].sort(), source).flatMap((path): [string, Buffer][] => {
    try {
      return [[path, run(['show', `HEAD:${path}`])]];
    } catch {
      return []; // Named in the text and not in the repository.
    }
  });
  await write(source, name, files);
}

/** Slides as people make them: a title, points or a paragraph, in many fonts, sizes and colours. Words are the books'. */
async function slides(count: number): Promise<void> {
  if (existsSync(join(folder, 'pictures', 'train', 'slide', 'laid-out'))) return;
  const git = join(folder, 'osbooks-introduction-business.git');
  const words = execFileSync('git', ['-C', git, 'grep', '-hE', '<para', 'HEAD', '--', 'modules'], {
    maxBuffer: 2 ** 30,
  })
    .toString('utf8')
    .replace(/<[^>]+>/g, ' ')
    .replace(/[<>&]/g, ' ')
    .split(/\s+/);
  const browser = await chromium.launch({
    ...(existsSync('/usr/bin/chromium') && { executablePath: '/usr/bin/chromium' }),
    args: process.env.LAIT_NO_SANDBOX ? ['--no-sandbox'] : [],
  });
  const page = await browser.newPage();
  let seed = 7;
  const draw = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const phrase = (least: number, most: number) => {
    const at = draw(words.length - 200);
    return words.slice(at, at + least + draw(most - least + 1)).join(' ');
  };
  const one = <T>(list: readonly T[]): T => list[draw(list.length)]!;
  const fonts = [
    'DejaVu Sans',
    'DejaVu Serif',
    'DejaVu Sans Mono',
    'serif',
    'sans-serif',
    'monospace',
    'cursive',
    'fantasy',
  ];
  const looks = [
    '#fff/#111',
    '#fff/#124',
    '#f4f1e8/#322',
    '#123/#fff',
    '#0b5394/#fff',
    '#222/#eee',
    '#fffbe6/#060',
    '#7a1f2b/#fff',
    'linear-gradient(120deg,#345,#89a)/#fff',
    'linear-gradient(#fff,#cde)/#123',
  ];
  const files: [string, Buffer][] = [];
  for (let at = 0; at < count; at++) {
    const [back, front] = one(looks).split('/') as [string, string];
    const [width, height] = one([
      [800, 600],
      [960, 540],
      [640, 480],
      [600, 800],
      [500, 500],
    ] as const);
    const kind = draw(5);
    const points = Array.from({ length: 2 + draw(6) }, () => `<li>${phrase(2, 12)}</li>`).join('');
    const body =
      kind === 0
        ? `<h1 style="text-align:center;margin-top:30%">${phrase(2, 8)}</h1><p style="text-align:center">${phrase(1, 4)}</p>`
        : kind === 1
          ? `<p>${phrase(60, 180)}</p>`
          : kind === 2
            ? `<blockquote style="font-size:1.8em;margin:20% 8%">“${phrase(8, 24)}”<br><small>— ${phrase(2, 2)}</small></blockquote>`
            : `<h2 style="${draw(2) ? `background:${front};color:#888;padding:.3em` : ''}">${phrase(2, 6)}</h2><ul>${points}</ul>`;
    await page.setViewportSize({ width, height });
    await page.setContent(
      `<body style="margin:0;padding:${10 + draw(40)}px;box-sizing:border-box;height:100vh;overflow:hidden;background:${back};color:${front};font:${14 + draw(22)}px ${JSON.stringify(one(fonts)).replaceAll('"', "'")}">${body}</body>`,
    );
    files.push([draw(2) ? 'slide.png' : 'slide.jpg', await page.screenshot()]);
  }
  await browser.close();
  await write({ split: 'train', class: 'slide', licence: 'CC BY 4.0' }, 'laid-out', files);
}
await slides(400);
