import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestNode } from '@ringfort/testkit';
import { checkHistory, until } from './cluster-state.ts';
import { type Door, padded } from './doors.ts';
import type { ScenarioContext } from './scenario.ts';

/** What stands behind the id of every value of a scenario: enough of it to be found in a file. */
const mark = Buffer.from(padded('').slice(0, 48));

/** Flips a bit of stored values in a file of a node that does not run; `chosen` of how many there are. Answers how many were flipped. */
export function flipValues(node: TestNode, file: string, chosen: (index: number, count: number) => boolean): number {
  const path = join(node.dataDir, file);
  const bytes = readFileSync(path);
  const found: number[] = [];
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + mark.length)) found.push(at);
  const flipped = found.filter((_, index) => chosen(index, found.length));
  for (const at of flipped) bytes[at + mark.length - 1]! ^= 4;
  writeFileSync(path, bytes);
  return flipped.length;
}

/** No file of the process may be written past so many bytes: to it, the disk is full there. Undefined: there is room again. Linux alone. */
export function limitFiles({ pid }: TestNode, maxBytes: number | undefined): void {
  // The soft limit alone: so that any user may lift it again.
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${maxBytes ?? 'unlimited'}:`], { stdio: 'pipe' });
}

/** SIGTERM, and the process' end. */
export async function stopCleanly(node: TestNode): Promise<void> {
  node.kill('SIGTERM');
  await node.exited;
}

/** The sum of a metric over all its labels. */
export async function metricOf(node: TestNode, name: string): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`, { signal: AbortSignal.timeout(5_000) })).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

export interface Readiness {
  readonly status: number;
  readonly storage?: string;
  readonly detail?: string;
}

export async function readinessOf(node: TestNode): Promise<Readiness> {
  try {
    const answer = await fetch(`${node.url}/readyz`, { signal: AbortSignal.timeout(5_000) });
    return { status: answer.status, ...((await answer.json()) as object) };
  } catch (error) {
    return { status: 0, detail: String(error) };
  }
}

export function untilReadiness(
  node: TestNode,
  what: string,
  passes: (state: Readiness) => boolean,
  timeoutMs = 10_000,
): Promise<Readiness> {
  return until(`${node.id} ${what}`, () => readinessOf(node), passes, timeoutMs);
}

/** Reads every key: what anti-entropy will do without. */
export async function readAll({ history }: ScenarioContext, door: Door): Promise<void> {
  const report = await checkHistory(history, door);
  if (report.violations.length > 0) throw new Error(`a read shows: ${JSON.stringify(report.violations.slice(0, 5))}`);
}
