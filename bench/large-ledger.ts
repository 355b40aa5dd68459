/**
 * A large ledger for benches: pages of 50 pairs, one image in five under two texts, texts in two languages, alt texts that are file names
 * or too short, images that are gone or small, and the scores of every downloaded image, as a first run leaves them. The same every time.
 */
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { pairId, textSources } from '../dataset/pair.ts';
import { random } from '../dataset/random.ts';

const pairsAPage = 50;
const pairsAtOnce = 200_000;

const english =
  'The harbour museum shows how boats were built in the village before there were roads between the farms. '.repeat(8);
const spanish =
  'El museo del puerto muestra cómo se construían los barcos en el pueblo antes de que hubiera carreteras. '.repeat(8);
const nouns =
  'dog girl boat mountain street bicycle market bridge child river horse guitar window tree beach train cup door'.split(
    ' ',
  );
const verbs = 'runs past,stands near,looks at,jumps over,rests beside,is painted on,leans against,plays with'.split(
  ',',
);
const colours = 'red blue old small wooden white happy tall green brown'.split(' ');

/** Fills an empty ledger by its tables, as no crawl would be fast enough to. */
export function fillLedger(ledger: Ledger, pairCount: number): void {
  const draw = random(1);
  const pick = <T>(list: readonly T[]): T => list[draw.below(list.length)]!;
  const page = ledger.db.prepare(
    `INSERT INTO pages (id, url, status, title, text, fetched_at_ms, rendered) VALUES (?, ?, 'fetched', 'Harbour', ?, 1, 0)`,
  );
  const image = ledger.db.prepare(
    `INSERT INTO images (id, url, status, reason, fetched_at_ms, format, width, height, frames, byte_length, sha256, phash,
       segment, offset) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const pair = ledger.db.prepare(
    'INSERT INTO pairs (id, image_id, page_id, page_url, text, source, source_rank) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const score = ledger.db.prepare('INSERT INTO scores (subject, rule, score) VALUES (?, ?, ?)');
  const hex = (digits: number) =>
    Array.from({ length: digits / 8 }, () =>
      draw
        .below(2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    ).join('');
  const sentence = () =>
    `A ${pick(colours)} ${pick(nouns)} ${pick(verbs)} the ${pick(colours)} ${pick(nouns)} near a ${pick(nouns)} in ${1500 + draw.below(500)}`;
  let imageId = 0;
  let pageUrl = '';
  let pageId = 0;
  let imageUrl = '';
  // As fast as it gets: a kill here costs nothing but the filling.
  ledger.db.pragma('synchronous = OFF');
  ledger.db.pragma('wal_autocheckpoint = 100000');
  ledger.db.pragma('cache_size = -2000000');
  ledger.db.exec('BEGIN');
  for (let i = 0; i < pairCount; i++) {
    if (i % pairsAtOnce === 0) ledger.db.exec('COMMIT; BEGIN');
    if (i % pairsAPage === 0) {
      pageId += 1;
      pageUrl = `https://site${pageId % 997}.example/pages/${pageId}.html`;
      page.run(pageId, pageUrl, draw.next() < 0.2 ? spanish : english);
    }
    if (i === 0 || draw.next() >= 0.2) {
      imageId += 1;
      imageUrl = `https://site${pageId % 997}.example/pictures/${imageId}.jpg`;
      if (draw.next() < 0.12) {
        const gone = [null, null, null, null, null, null, null, null, null];
        image.run(imageId, imageUrl, 'failed_to_download', 'http-404', ...gone);
      } else {
        const width = 80 + draw.below(900);
        const height = Math.max(40, Math.floor(width * (0.4 + draw.next())));
        const bytes = Math.floor(width * height * (0.05 + draw.next() * 0.3));
        const sha256 = hex(64);
        const format = draw.next() < 0.9 ? 'jpg' : 'gif';
        image.run(imageId, imageUrl, 'success', null, format, width, height, 1, bytes, sha256, hex(16), 0, i * 512);
        score.run(sha256, 'image/flat', 1 + draw.next() * 7);
        score.run(sha256, 'image/blur', draw.next() * 2000);
      }
    }
    const kind = draw.next();
    const text = kind < 0.1 ? `IMG_${i}.jpg` : kind < 0.25 ? `${pick(nouns)} ${i}` : sentence();
    const source = pick(textSources);
    pair.run(pairId(imageUrl, `${text}${i}`), imageId, pageId, pageUrl, text, source, textSources.indexOf(source));
  }
  ledger.db.exec('COMMIT');
}
