import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { z } from 'zod';
import type { Outcome } from './outcome.ts';

const resultsSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().default(''),
      assertionResults: z.array(
        z.object({
          fullName: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});

export type VitestResults = z.infer<typeof resultsSchema>;

export interface Summing {
  /** What the run is called in problems: a project's name. */
  readonly name: string;
  /** Whether vitest itself ended well: an error outside of any test shows only there. */
  readonly endedWell: boolean;
  /** On CI nothing may be left out: there a skipped test counts as failed. */
  readonly skippedFails: boolean;
  /** The folder that paths are told from. */
  readonly root: string;
}

/**
 * Counts the tests of one vitest run. Beside failed tests these count as failed, one each: a test file that could not
 * be loaded, a run without any test, a run without results, and an error outside of any test.
 * @param results undefined when the run left none
 */
export function sumResults(results: VitestResults | undefined, summing: Summing): Outcome {
  const { name, root } = summing;
  if (!results) return { passed: 0, failed: 1, summary: name, problems: [`${name}: no test results were written`] };
  const problems: string[] = [];
  let passed = 0;
  let skipped = 0;
  for (const file of results.testResults) {
    const path = relative(root, file.name);
    const failedBefore = problems.length;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') passed += 1;
      else if (test.status === 'failed') problems.push(failureText(path, test.fullName, test.failureMessages ?? []));
      else if (summing.skippedFails) problems.push(`${path}: ${test.fullName} was skipped`);
      else skipped += 1;
    }
    if (file.status === 'failed' && problems.length === failedBefore) {
      problems.push(`${path} could not be run: ${file.message}`);
    }
  }
  if (passed === 0 && problems.length === 0) problems.push(`${name}: no test was run`);
  if (!summing.endedWell && problems.length === 0) problems.push(`${name}: vitest failed outside of any test`);
  const summary = `${name}: ${passed} passed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  return { passed, failed: problems.length, summary, problems };
}

function failureText(path: string, fullName: string, messages: readonly string[]): string {
  return [`${path}: ${fullName}`, ...messages].join('\n');
}

/** Reads the file that vitest's JSON reporter wrote; undefined when there is none, or no whole one yet. */
export function readResults(file: string): VitestResults | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return resultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined; // being written: the caller looks again, and counts a file that stays broken as no results
  }
}
