import { describe, expect, it } from 'vitest';
import { drawLanes } from '../../sim/lanes.ts';

describe('a diagram', () => {
  it('shows messages between processes, lost ones too, and what becomes of the processes', () => {
    const arrow = (from: string, to: string, isLost = false) => ({ arrow: { from, to, isLost } });
    const mark = (lane: string, sign: string) => ({ marks: { lanes: [lane], sign } });
    const lines = drawLanes(
      ['c1', 'n1', 'n2'],
      [
        { atMs: 1, text: 'put', ...arrow('c1', 'n1') },
        { leftOut: 3 },
        { atMs: 2.5, text: 'dies', ...mark('n2', 'X') },
        { atMs: 3, text: 'write', ...arrow('n1', 'n2', true) },
        { atMs: 4, text: 'done', ...arrow('n1', 'c1') },
        { atMs: 5, text: 'pauses', ...mark('n1', 'P') },
        { atMs: 6, text: 'starts', ...mark('n2', 'o') },
        { atMs: 7, text: 'write', ...arrow('n2', 'c1') },
        { atMs: 8, text: 'the end' },
      ],
    );
    expect(`\n${lines.join('\n')}\n`).toBe(`
        ms     c1      n1      n2
     1.000     |------>|       |     put
               |       |       |     (3 left out)
     2.500     |       |       X     dies
     3.000     |       |------x      write
     4.000     |<------|             done
     5.000     |       P             pauses
     6.000     |       :       o     starts
     7.000     |<--------------|     write
     8.000     |       :       |     the end
`);
  });
});
