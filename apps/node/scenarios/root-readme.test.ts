import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';
import { freeRange } from '../src/demo/cluster.ts';
import { Command } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'ringfort-root-readme-'));
/** Beside this file, so that it finds the packages as a file in a clone does. */
const script = fileURLToPath(new URL('./root-readme.generated.mjs', import.meta.url));
afterAll(() => {
  rmSync(directory, { recursive: true });
  rmSync(script, { force: true });
});

it("the root README's client example prints what it says against a cluster", async () => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  const code = /```js\n(.*?)```/s.exec(readme)?.[1] ?? '';
  const stated = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text);
  expect(stated).toHaveLength(2);
  writeFileSync(script, code);
  const port = String(await freeRange(3));
  const dev = new Command(['dev', '--nodes', '3', '--http-port', port, '--data', join(directory, '.ringfort')]);
  try {
    await dev.said(/3 nodes ready/);
    const { stdout } = await promisify(execFile)(process.execPath, [script], { cwd: directory, timeout: 20_000 });
    expect(stdout.trim().split('\n')).toEqual(stated);
  } finally {
    await dev.stop();
  }
});
