/** Chromium as the oracle of what browsers do: it is asked for each case of a test's table, where there is one. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

/** One blank page of a browser that `close` ends; null where there is none. */
export async function openChromium(): Promise<{ readonly page: Page; readonly close: () => Promise<void> } | null> {
  const options = executablePath === undefined ? {} : { executablePath };
  const browser: Browser | null = await chromium.launch({ ...options, args: ['--no-sandbox'] }).catch(() => null);
  if (browser === null) return null;
  return { page: await browser.newPage(), close: () => browser.close() };
}
