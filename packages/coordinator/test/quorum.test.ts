import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { place } from '../src/placement-core.ts';
import {
  answered,
  failed,
  fellSilent,
  isHopeless,
  isMet,
  isSettled,
  newTally,
  resolveQuorum,
  sent,
} from '../src/quorum-core.ts';

describe('quorum numbers', () => {
  it('reads one, quorum and all as numbers of the bucket', () => {
    expect(resolveQuorum('r', 'one', 5)).toBe(1);
    expect(resolveQuorum('w', 'quorum', 5)).toBe(3);
    expect(resolveQuorum('w', 'all', 5)).toBe(5);
    expect(resolveQuorum('dw', 0, 3)).toBe(0);
  });

  it('refuses what is out of range, by name', () => {
    for (const [name, value] of [
      ['r', 0],
      ['r', 4],
      ['w', 0],
      ['dw', 4],
    ] as const) {
      expect(() => resolveQuorum(name, value, 3)).toThrow(expect.objectContaining({ code: 'INVALID_QUORUM' }));
    }
  });
});

describe('the tally of a request', () => {
  const outcome = fc.constantFrom('answered', 'durable', 'failed', 'silent-answered', 'silent');

  it('is met exactly when enough answers that count have come, whatever their order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(outcome, fc.boolean()), { maxLength: 8 }),
        fc.nat(4),
        fc.nat(4),
        (outcomes, required, durable) => {
          const tally = newTally(required, durable);
          const places = outcomes.map(([, counts], i) => place(`n${i}`, undefined, counts));
          for (const one of places) sent(tally, one);
          outcomes.forEach(([what], i) => {
            const one = places[i]!;
            if (what.startsWith('silent')) fellSilent(tally, one);
            if (what === 'failed') failed(tally, one, 'X');
            else if (what !== 'silent') answered(tally, one, what === 'durable');
          });
          const good = outcomes.filter(([what, counts]) => counts && what !== 'failed' && what !== 'silent').length;
          const onDisk = outcomes.filter(([what, counts]) => counts && what === 'durable').length;
          const hoped = outcomes.filter(([what, counts]) => counts && what === 'silent').length;
          expect(isMet(tally)).toBe(good >= required && onDisk >= durable);
          expect(isSettled(tally)).toBe(true);
          expect(isHopeless(tally, 0)).toBe(good + hoped < required || onDisk + hoped < durable);
        },
      ),
    );
  });
});
