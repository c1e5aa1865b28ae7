import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runScript } from '../../sim/golden/run-script.ts';

const folder = new URL('./golden/', import.meta.url);
const scripts = readdirSync(folder).filter((name) => name.endsWith('.txt'));
const isUpdate = process.env.RINGFORT_UPDATE_GOLDEN === '1';

describe('golden scripts', () => {
  it.each(scripts)('%s', async (name) => {
    const file = new URL(name, folder);
    const text = readFileSync(file, 'utf8');
    const actual = await runScript(text);
    if (isUpdate) writeFileSync(file, actual);
    else expect(actual).toBe(text);
  });
});
