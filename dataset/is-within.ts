/** Whether one path lies in a folder, by name alone: links are followed by who asks, before. */
import { isAbsolute, relative, sep } from 'node:path';

/** Whether `path` is the folder or lies in it; the root of the file system is a folder like others. Both real paths. */
export function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way.split(sep)[0] !== '..' && !isAbsolute(way);
}
