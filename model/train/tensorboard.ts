/** A run's numbers as TensorBoard scalars in `runDir/tensorboard`, by tfjs's own writer. */
import { join } from 'node:path';
import { nativeBackend, tf } from '../runtime/backend.ts';
import type { TrainingProgress } from './progress.ts';

/** Writes each report; undefined where tfjs has no native backend to write with. */
export function tensorboardWriter(runDir: string): ((progress: TrainingProgress) => void) | undefined {
  if (!nativeBackend()) return undefined;
  const writer = tf.node.summaryFileWriter(join(runDir, 'tensorboard'));
  return ({ step, losses, accuracies, gradientNorms, validation, ...report }) => {
    const { loss, gradientNorm, learningRate, samplesPerSecond, tokensPerSecond, flopsPerSecond, waitShare } = report;
    const speeds = { samplesPerSecond, tokensPerSecond, flopsPerSecond, waitShare };
    const scalars: Record<string, number> = { loss, gradientNorm, learningRate, ...speeds };
    if (report.peakShare !== undefined) scalars.peakShare = report.peakShare;
    const add = (prefix: string, values: Readonly<Record<string, number>>) => {
      for (const [name, value] of Object.entries(values)) scalars[`${prefix}${name}`] = value;
    };
    add('loss/', losses);
    add('accuracy/', accuracies);
    add('gradientNorm/', gradientNorms);
    if (validation) {
      const { retrieval, margins, temperature } = validation;
      if (retrieval) {
        add('validation/retrieval/image/', { ...retrieval.image });
        add('validation/retrieval/text/', { ...retrieval.text });
      }
      if (margins) add('validation/margin/', margins);
      if (temperature !== undefined) scalars.temperature = temperature;
      scalars['validation/loss'] = validation.loss;
      add('validation/loss/', validation.losses);
      add('validation/accuracy/', validation.accuracies);
    }
    for (const [name, value] of Object.entries(scalars)) writer.scalar(name, value, step);
    writer.flush();
  };
}
