import { readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { findNatsServer } from '../src/index.ts';

const script = new URL(`./readme-example-${process.pid}.mjs`, import.meta.url);
afterEach(() => rm(script, { force: true }));

const example = async (): Promise<string> => {
  const text = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const block = /```ts\n([\s\S]*?)```/.exec(text)?.[1];
  if (block === undefined) throw new Error('README.md has no ts block');
  return block;
};

it("runs the README's example, and prints what it says", async () => {
  await writeFile(script, await example());
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  try {
    await import(/* @vite-ignore */ script.href);
    const found = (await findNatsServer()) !== undefined;
    expect(log.mock.calls.flat()).toEqual(
      found ? [true, true, 'SIGKILL'] : ['nats-server is missing: install it, or set RINGFORT_NATS_SERVER'],
    );
  } finally {
    log.mockRestore();
  }
});
