/**
 * What a run reported, as it was measured: a line of JSON for each report in `runDir/log.jsonl`. A run that goes on from a checkpoint
 * writes the lines after it anew, so that each step is there once.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { appendLine, writeFileAtomic } from '../../dataset/atomic-file.ts';
import type { TrainingProgress } from './progress.ts';

/** A report without what only holds for the moment. */
export type LoggedReport = Omit<TrainingProgress, 'secondsLeft' | 'checkpoint'>;

const fileOf = (runDir: string): string => join(runDir, 'log.jsonl');

/** The reports of a run, oldest first; none of a run that has no log. What a kill left half written is left out. */
export function readRunLog(runDir: string): LoggedReport[] {
  if (!existsSync(fileOf(runDir))) return [];
  return readFileSync(fileOf(runDir), 'utf8').split('\n').flatMap(parsed);
}

/** Forgets what was reported after `step`, where the run goes on, and gives the function that adds a report. */
export function openRunLog(runDir: string, step: number): (progress: TrainingProgress) => void {
  const kept = readRunLog(runDir).filter((report) => report.step <= step);
  if (existsSync(fileOf(runDir))) {
    writeFileAtomic(fileOf(runDir), kept.map((report) => `${JSON.stringify(report)}\n`).join(''));
  }
  return ({ secondsLeft: _, checkpoint: __, ...report }) => appendLine(fileOf(runDir), JSON.stringify(report));
}

function parsed(line: string): LoggedReport[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as LoggedReport];
  } catch {
    return [];
  }
}
