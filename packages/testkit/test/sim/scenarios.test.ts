import { describe, expect, it } from 'vitest';
import { namedScenarios } from '../../sim/named-scenarios.ts';
import { drawPlan } from '../../sim/plan.ts';
import { simulate } from '../../sim/simulate.ts';

const all = ['c1', 'c2', 'c3', 'c4'];

/** What a log tells. */
class Told {
  readonly #lines: readonly string[];

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  count(pattern: RegExp): number {
    return this.#lines.filter((line) => pattern.test(line)).length;
  }

  /** How many puts of the first key these clients were acknowledged between two lines. */
  putsBetween(from: RegExp, to: RegExp, clients: readonly string[]): number {
    const at = (pattern: RegExp) => this.#lines.findIndex((line) => pattern.test(line));
    const meanwhile = this.#lines.slice(at(from), at(to));
    const names = meanwhile.flatMap((line) => / (c\d) put k0 (c\d-\d+)/.exec(line)?.slice(1, 3).join(' ') ?? []);
    const isAcknowledged = (name: string) => meanwhile.some((line) => line.includes(` ${name} of k0 ok`));
    return names.filter((name) => clients.includes(name.slice(0, 2)) && isAcknowledged(name)).length;
  }
}

/** What is asserted on top of all invariants. */
const asserted: Readonly<Record<string, (told: Told) => void>> = {
  'node-killed': (told) => expect(told.putsBetween(/ is killed/, / starts with [1-9]/, all)).toBeGreaterThan(5),
  'node-paused': (told) => expect(told.putsBetween(/ is paused/, / goes on/, all)).toBeGreaterThan(5),
  'two-primaries-down': (told) => expect(told.putsBetween(/ is killed/, / starts with [1-9]/, all)).toBeGreaterThan(5),
  'all-primaries-down': (told) => expect(told.putsBetween(/ is killed/, / starts with [1-9]/, all)).toBeGreaterThan(5),
  'partition-halves': (told) => {
    for (const side of [
      ['c1', 'c3'],
      ['c2', 'c4'],
    ])
      expect(told.putsBetween(/ are split from /, / are mended/, side)).toBeGreaterThan(0);
  },
  flapping: (told) => expect(told.count(/ nemesis /)).toBeGreaterThan(30),
  'sibling-explosion': (told) => {
    expect(told.count(/ failed /)).toBe(0);
    expect(told.count(/ judge-\d+ of k0 ok c\d-\d+ c\d-\d+$/)).toBeGreaterThan(0);
  },
  'replica-amnesia': (told) => expect(told.count(/ lost k0=.* from its disk/)).toBeGreaterThan(0),
  'amnesia-in-handoff': (told) => expect(told.count(/ lost k0=.* from its disk/)).toBeGreaterThan(0),
  'corrupt-value': (told) => {
    expect(told.count(/ has a corrupt /)).toBeGreaterThan(0);
    expect(told.count(/CORRUPT_RECORD/)).toBeGreaterThan(0);
  },
  'delete-races-put': (told) => expect(told.count(/ delete k0 /)).toBeGreaterThan(20),
  'disk-full': (told) => {
    expect(told.count(/ failed /)).toBe(0);
    expect(told.count(/ the store is readOnly/)).toBe(1);
    expect(told.count(/ the store is serving/)).toBe(1);
  },
  'clock-jump': (told) => expect(told.count(/ sets its clock by /)).toBe(4),
  'tombstone-return': (told) => expect(told.count(/ collects /)).toBeGreaterThan(5),
  'late-frames': (told) => expect(told.count(/ collects /)).toBeGreaterThan(5),
  'hint-flood': (told) => expect(told.count(/HINTS_FULL/)).toBeGreaterThan(0),
};

describe('named scenarios', () => {
  it.each(Object.keys(namedScenarios))('%s', async (name) => {
    const { broken, lines } = await simulate(drawPlan(1, name), { keepLines: true });
    expect(broken).toEqual([]);
    asserted[name]?.(new Told(lines));
  });
});
