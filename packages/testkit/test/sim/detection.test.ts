import { describe, expect, it } from 'vitest';
import { type DetectionRow, measureDetection, measurePauses, type PauseRow } from '../../sim/detection.ts';
import { holds, withDetection } from '../../sim/detection-table.ts';

describe('a cluster that loses messages', () => {
  for (const loss of [0, 0.05, 0.3]) {
    it(`believes nobody down for that alone, and knows soon who is, at ${loss * 100}%`, async () => {
      const plan = { nodes: 5, loss, calmMs: 120_000, crashes: 3 };
      const row = await measureDetection(plan, 7);
      // While the nodes do not know yet how much is lost, they may be wrong once.
      expect(row.falseVerdicts).toBeLessThanOrEqual(loss > 0.1 ? 1 : 0);
      for (const { firstMs, allMs } of [...row.silent, ...row.closed]) {
        expect(firstMs).toBeLessThanOrEqual(allMs!);
        expect(allMs).toBeLessThan(loss < 0.1 ? 4_000 : 15_000);
      }
      if (loss === 0.05) expect(await measureDetection(plan, 7)).toEqual(row);
    });
  }
});

describe('a node that stands still or lags', () => {
  it('is gone round when it does so for long, and blames nobody', async () => {
    const measured: PauseRow[] = [];
    for (const what of [{ pauseMs: 100 }, { pauseMs: 15_000 }, { lagMs: 50 }, { lagMs: 200 }])
      measured.push(await measurePauses({ nodes: 5, ...what, times: 3 }, 7));
    expect(measured.map(({ blamed }) => blamed)).toEqual([0, 0, 0, 0]);
    expect(measured[0]!.believedDown).toBe(0);
    expect(measured[1]!.believedDown).toBe(3);
  });
});

describe('the tables of failure detection', () => {
  const found = (...all: (number | undefined)[]) => all.map((allMs) => ({ firstMs: 100, allMs }));
  const row: DetectionRow = {
    nodes: 5,
    loss: 0.05,
    calmMs: 3_600_000,
    crashes: 3,
    falseVerdicts: 0,
    bytesPerSecond: 1234.4,
    silent: found(3_000, 1_000, 2_000),
    closed: found(1_000, undefined, 500),
  };
  const cellsOf = (line: string) => line.split('|').map((cell) => cell.trim());

  it('show the middle and the worst, and take the place of the former ones', () => {
    const pause = { nodes: 100, lagMs: 50, times: 5, believedDown: 0, blamed: 1 };
    const text = withDetection('# Title\n', [row], [pause]);
    const tables = text.split('\n').filter((line) => line.startsWith('|'));
    const times = ['0.10 s', '2.00 s', '3.00 s', '0.10 s', '1.00 s', 'never'];
    expect(cellsOf(tables[2]!)).toEqual(['', '5', '5%', '1 h', '0', ...times, '1,234', '']);
    expect(cellsOf(tables[5]!)).toEqual(['', '100', 'is up to 50 ms late for a minute', '5', '0', '1', '']);
    expect(withDetection(`${text}After.\n`, [row], [pause])).toBe(`${text}After.\n`);
  });

  it('must hold no mistake and none that is known late, up to a loss of 5%', () => {
    expect(holds(row)).toBe(false);
    expect(holds({ ...row, closed: row.silent })).toBe(true);
    expect(holds({ ...row, closed: row.silent, falseVerdicts: 1 })).toBe(false);
    expect(holds({ ...row, loss: 0.1 })).toBe(true);
  });
});
