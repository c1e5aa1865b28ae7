import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, expect, it, vi } from 'vitest';

const file = new URL('./readme-example.generated.ts', import.meta.url);
afterAll(() => rmSync(file, { force: true }));

it('the example of the README runs and prints what it says', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');
  expect(blocks).toHaveLength(1);
  const [code = ''] = blocks;
  const stated = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text);
  expect(stated.length).toBeGreaterThan(0);
  const printed: string[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((value) => void printed.push(String(value)));
  writeFileSync(file, code);
  try {
    await import(/* @vite-ignore */ file.href);
  } finally {
    log.mockRestore();
  }
  expect(printed).toEqual(stated);
});
