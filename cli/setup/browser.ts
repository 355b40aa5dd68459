/** Finds a Chromium for pages that need scripts: one on PATH, else the one Playwright downloaded, else nothing. */
import { existsSync } from 'node:fs';
import { findOnPath, packageDir, run } from './run.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome', 'chrome'] as const;

/** Path of a browser that can be started, or undefined. `LAIT_BROWSER` wins over everything. */
export async function findBrowser(): Promise<string | undefined> {
  if (process.env.LAIT_BROWSER) return process.env.LAIT_BROWSER;
  const onPath = findOnPath(...names);
  if (onPath) return onPath;
  const { chromium } = await import('playwright');
  const downloaded = chromium.executablePath();
  return existsSync(downloaded) ? downloaded : undefined;
}

export const browserAdvice =
  'no Chromium found: install one (`apt-get install chromium`, `brew install --cask chromium`) or run ' +
  '`npx playwright install chromium`; until then pages that need scripts are read as plain HTML';

/** Tries Playwright's own download when the machine has no browser; a failure is not fatal, crawling works without. */
export async function setUpBrowser(say: (line: string) => void): Promise<boolean> {
  if (await findBrowser()) return true;
  say('Browser: none on PATH, trying the download of Playwright');
  try {
    await run(process.execPath, [`${packageDir('playwright')}/cli.js`, 'install', 'chromium'], {
      show: process.stdout.isTTY === true,
    });
  } catch {
    say(`Browser: ${browserAdvice}`);
    return false;
  }
  return true;
}

/** False when `LAIT_NO_SANDBOX` is set: Chromium's sandbox does not start for root, and only the operator may give it up. */
export const sandbox = (): boolean => !process.env.LAIT_NO_SANDBOX;

/** Whether Chromium will refuse to start here. */
export const rootNeedsNoSandbox = (): boolean => process.getuid?.() === 0 && sandbox();

export const rootAdvice =
  'Chromium does not start its sandbox for root: run lait as another user, or set LAIT_NO_SANDBOX=1 where the machine is the sandbox';
