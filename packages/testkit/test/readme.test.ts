import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, expect, it, vi } from 'vitest';

const script = new URL(`./readme-example-${process.pid}.mjs`, import.meta.url);
afterEach(() => rm(script, { force: true }));

it("runs the README's example, and prints what it says", async () => {
  const text = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const block = /```ts\n([\s\S]*?)```/.exec(text)?.[1];
  if (block === undefined) throw new Error('README.md has no ts block');
  await writeFile(script, block);
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  try {
    await import(/* @vite-ignore */ script.href);
    expect(log.mock.calls.flat()).toEqual(['hello n1', 'DEADLINE_EXCEEDED', ['lost: eggs']]);
  } finally {
    log.mockRestore();
  }
});
