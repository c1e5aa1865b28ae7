import { foldHistory } from '@ringfort/ring';
import { describe, expect, it } from 'vitest';
import { checkRings, Rings } from '../../sim/rings.ts';

describe('S5', () => {
  const view = (node: string, history: string, ring: string) => ({ node, history, ring });

  it('finds two nodes that make different rings of the same history, whenever each knew it', () => {
    expect(checkRings([view('n1', '1', 'a'), view('n2', '1', 'a'), view('n2', '2', 'b')], [])).toEqual([]);
    expect(checkRings([view('n1', '1', 'a'), view('n1', '2', 'b'), view('n2', '1', 'b')], [])).toMatchObject([
      { invariant: 'S5', what: expect.stringContaining('n1 and n2 make different rings') },
    ]);
  });

  it('finds nodes whose histories differ after healing', () => {
    expect(checkRings([], ['n1 3/ab', 'n2 3/ab'])).toEqual([]);
    expect(checkRings([], ['n1 3/ab', 'n2 2/cd'])).toMatchObject([{ invariant: 'S5' }]);
  });

  it('looks at each ring once, and tells which history a node knows by now', () => {
    const rings = new Rings();
    const ring = foldHistory([]);
    rings.look('n1', ring);
    rings.look('n1', ring);
    rings.look('n2', foldHistory([]));
    expect(rings.views).toHaveLength(2);
    expect(rings.latest(['n1', 'n3'])).toEqual([`n1 0/${ring.version.digest}`]);
    expect(checkRings(rings.views, rings.latest(['n1', 'n2']))).toEqual([]);
  });
});
