import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runScript } from './run-script.ts';

const CONTEXT_LINES = 2;
const MAX_DIFF_LINES = 60;

/**
 * Runs the scripts of a folder whose names hold `part`, one line for each; where one prints something else than it says, tells the difference, or
 * writes down what it prints now. Returns how many differed.
 */
export async function runGoldenFiles(
  folder: string,
  part: string,
  isUpdate: boolean,
  tell: (line: string) => void,
): Promise<number> {
  let differing = 0;
  const names = readdirSync(folder).filter((name) => name.endsWith('.txt') && name.includes(part));
  for (const name of names.sort()) {
    const file = join(folder, name);
    const text = readFileSync(file, 'utf8');
    const actual = await runScript(text);
    if (actual === text) {
      tell(`${name}: as it says`);
      continue;
    }
    differing += 1;
    if (isUpdate) writeFileSync(file, actual);
    tell(`${name}: ${isUpdate ? 'written anew' : 'differs'}`);
    for (const line of difference(text.split('\n'), actual.split('\n'))) tell(`  ${line}`);
  }
  return differing;
}

/** From the first line that differs to the last, with some lines before. */
function difference(before: readonly string[], after: readonly string[]): string[] {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const lines = [
    ...before.slice(Math.max(0, start - CONTEXT_LINES), start).map((line) => `  ${line}`),
    ...before.slice(start, before.length - end).map((line) => `- ${line}`),
    ...after.slice(start, after.length - end).map((line) => `+ ${line}`),
  ];
  return lines.slice(0, MAX_DIFF_LINES);
}
