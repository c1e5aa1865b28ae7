import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { settings } from '../src/config-sources.ts';
import { createMetrics } from '../src/metrics.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const page = read('../../../docs/operations.md');
const inCode = new Set([...page.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text));

it('names every setting with its flag and its variable, and no other', () => {
  const named = settings.flatMap(({ path, flag, env }) => [path, env, ...(flag === undefined ? [] : [flag])]);
  expect(named.filter((name) => !inCode.has(name))).toEqual([]);
  const others = [...inCode].filter((text) => /^RINGFORT_[A-Z_]+$/.test(text ?? '') && !named.includes(text ?? ''));
  expect(others.sort()).toEqual(['RINGFORT_CONFIG']);
});

it('names every error code of the HTTP interface', () => {
  const codes = [...read('../src/http/problems.ts').matchAll(/^ {2}([A-Z_]+): \[\d{3}/gm)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(40);
  expect(codes.filter((code) => !inCode.has(code))).toEqual([]);
});

it('names every metric of a node, and no other', async () => {
  const metrics = createMetrics('n1', { defaultMetrics: false });
  const text = await metrics.text();
  metrics.close();
  const names = [...text.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name);
  expect(names.filter((name) => !inCode.has(name))).toEqual([]);
  const documented = [...inCode].filter((name) => /^ringfort_[a-z_]+$/.test(name ?? ''));
  expect(documented.filter((name) => !names.includes(name))).toEqual([]);
});
