import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { vi } from 'vitest';

/** What the examples printed, a line per call of `console.log`, and what their comments say that they print. */
export interface ReadmeExamples {
  readonly printed: string[];
  readonly stated: string[];
}

/**
 * Runs the `ts` blocks that say what they print, in the README of the package whose folder of tests this is: one after the other, each from
 * a file beside the tests, so that it finds the package by its name as a user's file does.
 * @throws Error where nothing is stated, or what an example throws
 */
export async function runReadmeExamples(testDirectory: string): Promise<ReadmeExamples> {
  const readme = await readFile(join(testDirectory, '..', 'README.md'), 'utf8');
  const statement = /console\.log\(.*\); \/\/ (.*)$/gm;
  const blocks = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)]
    .map(([, code]) => code!)
    .filter((code) => code.search(statement) >= 0);
  const stated = [...blocks.join('').matchAll(statement)].map(([, text]) => text!);
  if (stated.length === 0) throw new Error('README.md has no ts block that says what it prints');
  const printed: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...words) => void printed.push(format(...words)));
  const folder = await mkdtemp(join(testDirectory, 'readme-'));
  try {
    for (const [number, code] of blocks.entries()) {
      const file = join(folder, `example-${number}.ts`);
      await writeFile(file, code);
      await import(/* @vite-ignore */ pathToFileURL(file).href);
    }
  } finally {
    log.mockRestore();
    await rm(folder, { recursive: true });
  }
  return { printed, stated };
}
