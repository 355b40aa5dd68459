/** What is wrong, in a sentence for people: a thread's errors reach the server without their class. */
import { UserError } from '../../dataset/user-error.ts';

export interface Sentence {
  readonly error: string;
}

/** What `work` gives, or the sentence of the UserError that it throws. */
export async function orSentence<T>(work: () => Promise<T>): Promise<T | Sentence> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof UserError) return { error: error.message };
    throw error;
  }
}
