import { describe, expect, it } from 'vitest';
import { measureScale, PARTITIONS } from '../../sim/scale.ts';
import { tableOf, withTable } from '../../sim/scale-table.ts';

describe('a cluster of some size', () => {
  it('is founded, agrees, notices who is gone, and spreads its partitions evenly', async () => {
    const row = await measureScale(5, 3);
    for (const ms of [row.foundedMs, row.changeMs, row.crashMs, row.silenceMs, row.togetherMs])
      expect(ms).toBeGreaterThan(0);
    expect(row.messagesPerSecond).toBeGreaterThan(0);
    expect(row.bytesPerSecond).toBeGreaterThan(row.messagesPerSecond);
    for (const [{ least, most, fair }, copies] of [
      [row.primaries, 1],
      [row.replicas, 3],
    ] as const) {
      expect(fair).toBeCloseTo((copies * PARTITIONS) / 5);
      expect(least).toBeGreaterThanOrEqual(Math.floor(fair));
      expect(most).toBeLessThanOrEqual(Math.ceil(fair));
    }
    const { peakRssBytes, ...measured } = row;
    expect(await measureScale(5, 3)).toMatchObject(measured);
    expect(peakRssBytes).toBeGreaterThan(0);
  });
});

describe('the table of the document', () => {
  const table = (rows: string) =>
    withTable('', `<!-- scale: made by \`npm run sim -- --scale\` -->\n${rows}\n<!-- /scale -->`).trim();

  it('is aligned, and says what did not happen', () => {
    const spread = { least: 1, most: 2, fair: 1.54 };
    const times = { foundedMs: 1_000, changeMs: 10, crashMs: undefined, silenceMs: 20_000, togetherMs: 1_500 };
    const trouble = { bytesPerSecondDown: 13_000, bytesPerSecondApart: 999 };
    const rates = { messagesPerSecond: 2, bytesPerSecond: 12_345, ...trouble, peakRssBytes: 2 ** 30 };
    const lines = tableOf([{ nodes: 5, ...times, ...rates, primaries: spread, replicas: spread }]).slice(2);
    expect(new Set(lines.map(({ length }) => length)).size).toBe(1);
    const cells = lines
      .at(-1)!
      .split('|')
      .map((cell) => cell.trim());
    expect(cells.slice(1, 7)).toEqual(['5', '1.00 s', '0.01 s', 'never', '20.00 s', '2.0']);
    expect(cells.slice(7, 11)).toEqual(['12,345', '13,000', '999', '1.50 s']);
    expect(cells.slice(11, 14)).toEqual(['1 to 2, fair 1.5', '1 to 2, fair 1.5', '1024 MiB']);
  });

  it('takes the place of the former one, and nothing else', () => {
    const before = `# Title\n\nBefore.\n\n${table('| 1 |')}\n\nAfter.\n`;
    expect(withTable(before, table('| 2 |'))).toBe(before.replace('| 1 |', '| 2 |'));
    expect(withTable('# Title\n', table('| 2 |'))).toBe(`# Title\n\n${table('| 2 |')}\n`);
  });
});
