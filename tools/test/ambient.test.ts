import { describe, expect, it } from 'vitest';
import { ambientProblems, ambientUses } from '../src/ambient-core.ts';

const refused: readonly [name: string, text: string][] = [
  ['Date.now', 'export const at = Date.now();'],
  ['Date.now', 'export const now = { now: Date.now };'],
  ['new Date()', 'export const at = new Date();'],
  ['Date()', 'export const at = Date();'],
  ['performance.now', 'export const at = performance.now();'],
  ['performance.mark', 'performance.mark("x");'],
  ['performance.now', 'export const at = globalThis.performance.now();'],
  ['process.hrtime', 'export const at = process.hrtime();'],
  ['process.hrtime', 'export const at = process.hrtime.bigint();'],
  ['process.uptime', 'import process from "node:process"; process.uptime();'],
  ['Math.random', 'export const one = Math.random();'],
  ['crypto.randomUUID', 'export const id = crypto.randomUUID();'],
  ['crypto.getRandomValues', 'globalThis.crypto.getRandomValues(new Uint8Array(2));'],
  ['crypto.randomBytes', 'import * as c from "node:crypto"; c.randomBytes(4);'],
  ['crypto.randomBytes', 'import c from "crypto"; c.randomBytes(4);'],
  ['node:crypto randomInt', 'import { randomInt as draw } from "node:crypto"; draw(2);'],
  ['node:crypto webcrypto', 'import { webcrypto } from "node:crypto";'],
  ['setTimeout', 'setTimeout(() => {}, 1);'],
  ['setTimeout', 'globalThis.setTimeout(() => {}, 1);'],
  ['setInterval', 'export const every: typeof setInterval = setInterval;'],
  ['setImmediate', 'export const options = { nextTurn: setImmediate };'],
  ['setImmediate', 'export const options = { setImmediate };'],
  ['node:timers setTimeout', 'import { setTimeout as later } from "node:timers"; later(() => {}, 1);'],
  ['node:timers/promises setTimeout', 'import { setTimeout as sleep } from "timers/promises"; await sleep(1);'],
  ['node:timers/promises', 'import timers from "node:timers/promises"; await timers.scheduler.wait(1);'],
  ['node:perf_hooks performance', 'import { performance } from "node:perf_hooks";'],
  ['AbortSignal.timeout', 'fetch("http://x", { signal: AbortSignal.timeout(1) });'],
];

const allowed = [
  'export const at = new Date(5).toISOString();',
  'export const at = (clock: { now(): number }) => clock.now();',
  'export const wait = (clock: Clock) => clock.setTimeout(() => {}, 1);',
  'export interface Clock { setTimeout(fn: () => void, ms: number): unknown; }',
  'export class Held { setTimeout(fn: () => void) { fn(); } }',
  'export const clock = { setTimeout: () => undefined };',
  'import type { setTimeout } from "node:timers";',
  'import { createHash, hash } from "node:crypto";',
  'import process from "node:process"; process.exit();',
  'queueMicrotask(() => {});',
  '// Date.now() and setTimeout are for others',
];

describe('the rule against the real world', () => {
  it.each(refused)('refuses %s: %s', (name, text) => {
    expect(ambientUses('a.ts', text).map((use) => use.name)).toContain(name);
    const [problem] = ambientProblems(new Map([['packages/x/src/a.ts', `\n${text}`]]), {});
    expect(problem).toMatch(/^packages\/x\/src\/a\.ts:2 uses .*: take the (Random|Clock) that is passed in/);
  });

  it.each(allowed)('has nothing against: %s', (text) => {
    expect(ambientUses('a.ts', text)).toEqual([]);
  });

  it('holds exceptions to what they name, and to what is there', () => {
    const texts = new Map([['a.ts', 'Date.now(); Math.random();']]);
    expect(ambientProblems(texts, { 'a.ts': { names: ['Date.now', 'Math.random'], why: '' } })).toEqual([]);
    expect(ambientProblems(texts, { 'a.ts': { names: ['Date.now'], why: '' } })).toEqual([
      expect.stringContaining('a.ts:1 uses Math.random: take the Random that is passed in'),
    ]);
    const names = ['Date.now', 'Math.random', 'setTimeout'];
    expect(ambientProblems(texts, { 'a.ts': { names, why: '' }, 'b.ts': { names: [], why: '' } })).toEqual([
      'a.ts does not use setTimeout: remove the exception',
      'b.ts is not there: remove its exception',
    ]);
  });
});
