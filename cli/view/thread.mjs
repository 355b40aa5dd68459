// Starts counting.ts in a worker thread, which does not inherit its parent's reader of TypeScript. Plain JavaScript for that.
import { register } from 'tsx/esm/api';

register();
const { corpusFacts, move, thresholds } = await import('./counting.ts');

export { corpusFacts, move, thresholds };
