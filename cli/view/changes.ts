/** What all requests that change something have in common. */
import type { Context } from 'hono';

/** Bytes of a request to change something. */
export const maxBodyBytes = 10_000;

/** The answer where `lait view` was begun without `--edit`. */
export const mayNotEdit = (context: Context): Response =>
  context.json({ error: 'Nothing can be changed without `lait view --edit`.' }, 403);
