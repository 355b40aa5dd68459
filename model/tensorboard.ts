/** A run's numbers as TensorBoard scalars in `runDir/tensorboard`, by tfjs's own writer. */
import { join } from 'node:path';
import { nativeBackend, tf } from './backend.ts';
import type { PretrainProgress } from './progress.ts';

/** Writes each report; undefined where tfjs has no native backend to write with. */
export function tensorboardWriter(runDir: string): ((progress: PretrainProgress) => void) | undefined {
  if (!nativeBackend()) return undefined;
  const writer = tf.node.summaryFileWriter(join(runDir, 'tensorboard'));
  return ({ step, loss, losses, accuracies, gradientNorm, learningRate, samplesPerSecond, waitShare, validation }) => {
    const scalars: Record<string, number> = { loss, gradientNorm, learningRate, samplesPerSecond, waitShare };
    const add = (prefix: string, values: Readonly<Record<string, number>>) => {
      for (const [name, value] of Object.entries(values)) scalars[`${prefix}${name}`] = value;
    };
    add('loss/', losses);
    add('accuracy/', accuracies);
    if (validation) {
      scalars['validation/loss'] = validation.loss;
      add('validation/loss/', validation.losses);
      add('validation/accuracy/', validation.accuracies);
    }
    for (const [name, value] of Object.entries(scalars)) writer.scalar(name, value, step);
    writer.flush();
  };
}
