import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, expect, test, vi } from 'vitest';

const script = new URL(`./readme-example-${process.pid}.mjs`, import.meta.url);
afterEach(() => rm(script, { force: true }));

test("the README's example runs and prints what it says", async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  const promised = [...example.matchAll(/^console\.log\(.*\/\/ (.*)$/gm)].map(([, output]) => output);
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  try {
    await writeFile(script, example);
    await import(script.href);
    expect(promised).toHaveLength(3);
    expect(log.mock.calls.map((line) => line.join(' '))).toEqual(promised);
  } finally {
    log.mockRestore();
  }
});
