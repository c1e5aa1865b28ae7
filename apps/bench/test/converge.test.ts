import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { converge } from '../src/converge/converge.ts';
import { parseConvergeOptions } from '../src/converge/options.ts';
import { convergeText } from '../src/converge/report.ts';

const dir = mkdtempSync(join(tmpdir(), 'ringfort-converge-test-'));
afterAll(() => rmSync(dir, { recursive: true }));

const quiet = { stage: () => undefined, step: () => undefined, end: () => undefined };

it('one replica that lacks writes is made equal by anti-entropy, and nothing is left', {
  timeout: 120_000,
}, async () => {
  const options = parseConvergeOptions({ keys: '300', diverging: '0,10', valueBytes: '100', dir });
  const rows = await converge(options, { progress: quiet, signal: new AbortController().signal });
  const [equal, behind] = rows;
  expect(equal).toMatchObject({ keys: 300, diverging: 0, objects: 0 });
  expect(behind!.diverging).toBe(30);
  expect(behind!.objects).toBeGreaterThanOrEqual(30);
  expect(behind!.wireBytes).toBeGreaterThan(behind!.divergingBytes);
  expect(
    convergeText(rows, options)
      .split('\n')
      .filter((line) => line.includes('300')),
  ).toHaveLength(2);
  expect(readdirSync(dir)).toEqual([]);
});

it('options that make no sense are refused by name', () => {
  expect(() => parseConvergeOptions({ keys: '10' })).toThrow('--keys');
  expect(() => parseConvergeOptions({ diverging: '1,x' })).toThrow('--diverging');
  expect(() => parseConvergeOptions({ valueBytes: '0' })).toThrow('--value-bytes');
});
