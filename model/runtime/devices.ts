/**
 * On which of its devices a graph computes what. A traced function asks for how many there are and says which ops lie on which of them, those of
 * their gradients among them; all that it does not say lies on the first one, as the variables do. TensorFlow carries tensors between
 * devices. So a batch whose encoder is cut into a tower for each device is the same function as on one device.
 */
import { type Tensor, tf } from './backend.ts';

/** What is being traced; a trace has no pause in which another one could begin. */
let tracing = { devices: 1, current: 0 };

/** Runs a trace of a function for so many devices. */
export function tracedOn<T>(devices: number, body: () => T): T {
  const before = tracing;
  tracing = { devices, current: 0 };
  try {
    return body();
  } finally {
    tracing = before;
  }
}

/** Devices that the function being traced may use; 1 outside of a trace. */
export const deviceCount = (): number => tracing.devices;

/** The device of the ops that are made now. */
export const currentDevice = (): number => tracing.current;

/**
 * Ops that `compute` makes of `inputs`, and their gradients, on one device. tfjs walks back through ops in the reverse of the order in which
 * they were made, so that the gradients of a tower follow each other: they begin at its output and end at its inputs.
 */
export function onDevice(
  device: number,
  inputs: readonly Tensor[],
  compute: (inputs: readonly Tensor[]) => Tensor,
): Tensor {
  if (tracing.devices === 1) return compute(inputs);
  tracing.current = device;
  try {
    const [first, ...rest] = inputs as [Tensor, ...Tensor[]];
    return passing(compute([passing(first, () => 0), ...rest]), () => device);
  } finally {
    tracing.current = 0;
  }
}

/** A tensor as it is. When its gradient comes by, what follows lies on another device. */
function passing(x: Tensor, next: () => number): Tensor {
  const pass = tf.customGrad((...args: unknown[]) => ({
    value: tf.clone(args[0] as Tensor),
    gradFunc: (dy: Tensor) => {
      tracing.current = next();
      return tf.clone(dy);
    },
  }));
  return pass(x);
}
