import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cart, cartText, mergeCarts } from '../src/demo/cart-core.ts';
import { Narrator } from '../src/demo/narrator.ts';

const carts = fc.dictionary(
  fc.constantFrom('book', 'pen', 'lamp', '__proto__', 'toString'),
  fc.integer({ min: 1, max: 9 }),
);

describe('merging carts', () => {
  it('depends neither on order nor on repetition', () => {
    fc.assert(
      fc.property(carts, carts, carts, (a, b, c) => {
        expect(mergeCarts([a, b])).toEqual(mergeCarts([b, a]));
        expect(mergeCarts([mergeCarts([a, b]), c])).toEqual(mergeCarts([a, mergeCarts([b, c])]));
        expect(mergeCarts([a, a])).toEqual(mergeCarts([a]));
      }),
    );
  });

  it('loses nothing and invents nothing', () => {
    fc.assert(
      fc.property(fc.array(carts), (all) => {
        const merged = mergeCarts(all);
        const quantities = (item: string) =>
          all.filter((cart) => Object.hasOwn(cart, item)).map((cart) => cart[item] ?? 0);
        for (const item of Object.keys(merged)) expect(merged[item]).toBe(Math.max(...quantities(item)));
        for (const item of all.flatMap((cart) => Object.keys(cart))) expect(Object.hasOwn(merged, item)).toBe(true);
      }),
    );
  });

  it('is told in words', () => {
    expect(cartText({ pen: 2, book: 1 } satisfies Cart)).toBe('book x1, pen x2');
    expect(cartText({})).toBe('nothing');
  });
});

describe('the narrator', () => {
  function narrate() {
    let told = '';
    const narrator = new Narrator((text) => {
      told += text;
    }, false);
    return { narrator, told: () => told };
  }

  it('says ok only to what holds, and counts it', () => {
    const { narrator, told } = narrate();
    narrator.step('first');
    narrator.check('one is one', 1, 1);
    expect(() => narrator.check('one is two', 1, 2)).toThrow(
      'step "first" did not hold: one is two; found: 1 instead of 2',
    );
    expect(narrator.checks).toBe(1);
    expect(told()).toBe('\n1. first\n   ok one is one\n');
  });

  it('waits for what becomes true, and not for ever', async () => {
    const { narrator } = narrate();
    let looks = 0;
    await narrator.checkBecomes('the third look finds it', 10_000, 3, async () => ++looks);
    expect(looks).toBe(3);
    await expect(narrator.checkBecomes('it never does', 150, true, async () => false)).rejects.toMatchObject({
      code: 'STEP_FAILED',
    });
  });

  it('tells nothing once it was broken off', async () => {
    const { narrator, told } = narrate();
    narrator.breakOff();
    expect(() => narrator.say('more')).toThrow('broken off');
    await expect(narrator.checkBecomes('x', 60_000, 1, async () => 2)).rejects.toThrow();
    expect(told()).toBe('');
  });
});
