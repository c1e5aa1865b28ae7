import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';

it("the README's example of a transfer runs and prints what it says", async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, example = ''] = /## Moving a partition[\s\S]*?```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  const promised = [...example.matchAll(/console\.log\(.*\/\/ (.*)$/gm)].map(([, output]) => output);
  const folder = mkdtempSync(join(import.meta.dirname, 'readme-transfer-'));
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  try {
    const file = join(folder, 'example.ts');
    writeFileSync(file, example);
    await import(file);
    expect(promised).toHaveLength(3);
    expect(log.mock.calls.map((line) => line.join(' '))).toEqual(promised);
  } finally {
    log.mockRestore();
    rmSync(folder, { recursive: true });
  }
});
