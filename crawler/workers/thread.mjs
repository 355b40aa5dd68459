// Starts thread.ts in a worker thread, which does not inherit its parent's reader of TypeScript. Plain JavaScript for that.
import { register } from 'tsx/esm/api';

register();
export const { runTask } = await import('./thread.ts');
