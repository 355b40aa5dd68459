/** The self-test on one page. */
import { printable } from '../../dataset/escape.ts';
import { percent, table } from '../table.ts';
import type { SelfTestReport } from './self-test.ts';

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
const tera = (flops: number): string => (flops / 1e12).toFixed(flops < 1e13 ? 2 : 0);

export function selfTestPage(report: SelfTestReport): string {
  const { card, device, checks, speeds, preset, batchSize, environment } = report;
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const facts = [
    ['lait', `${report.lait}, Node.js ${report.node}, TensorFlow ${report.tensorflow}`],
    ['machine', report.machine],
    ...(card
      ? [
          [
            'card',
            `${card.name}, ${gigabytes(card.memoryBytes)}, driver ${card.driver}, compute ${card.computeCapability}`,
          ],
        ]
      : []),
    ['settings', settings.join(' ') || 'none'],
  ];
  const marks = checks.map(({ name, ok, detail }) => [`${ok ? '✔' : '✘'} ${name}`, detail]);
  const rows = speeds.map((one) => [
    one.name,
    one.stepMs.toFixed(1),
    one.pairsPerSecond.toFixed(0),
    tera(one.flopsPerSecond),
    one.shareOfPeak === undefined ? '–' : percent(one.shareOfPeak),
    gigabytes(one.memoryBytes),
    gigabytes(one.toldBytes),
  ]);
  const peak = card
    ? "the card's data sheet, dense"
    : `products of large matrices here, ${tera(report.productFlops)} TFLOP/s`;
  return (
    printable(`Self-test on the ${device.toUpperCase()}`) +
    '\n\n' +
    [
      table(facts, [0, 1]),
      table(marks, [0, 1]),
      `${preset}, batches of ${batchSize} pairs at full length\n${table([['', 'ms a step', 'pairs/s', 'TFLOP/s', 'of peak', 'memory', 'told'], ...rows])}`,
      `Peak: ${peak}. Memory: ${card ? 'of the card, as it grew' : 'of the process'}; told: by --dry-run.\n` +
        `Features reach the ${device === 'gpu' ? 'card' : 'graph'} at ${(report.feedBytesPerSecond / 1e9).toFixed(1)} GB/s; products of large matrices: ${tera(report.productFlops)} TFLOP/s (bf16).`,
    ].join('\n\n')
  );
}
