/** Appends images to the corpus named by its argument, each with its ledger row, until it is killed. */
import { createHash, randomBytes } from 'node:crypto';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { committedRawEnd, openRawStore } from '../../../dataset/ledger/raw-store.ts';

const corpusDir = process.argv[2]!;
const ledger = Ledger.open(corpusDir);
const store = openRawStore(corpusDir, { committedEnd: committedRawEnd(ledger), segmentBytes: 500_000 });
for (let i = 0; ; i++) {
  const bytes = randomBytes(Math.floor(Math.random() * 60_000));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const place = store.append({ sha256, format: 'jpg', bytes });
  const measured = { format: 'jpg', width: 1, height: 1, frames: 1, phash: '0'.repeat(16) };
  const stored = { ...measured, byteLength: bytes.length, sha256, ...place };
  ledger.recordImage({ url: `https://a.example/${sha256}.jpg`, status: 'success', fetchedAtMs: 0, stored });
  if (i === 0) process.stdout.write('started\n');
}
