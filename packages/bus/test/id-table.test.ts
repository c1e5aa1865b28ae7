import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdTable } from '../src/id-table.ts';

test('holds what a Map would, by ids that rise and go round and are never taken twice', () => {
  const steps = fc.array(fc.oneof(fc.constant('add'), fc.constant('add'), fc.nat(999)), { maxLength: 2_000 });
  fc.assert(
    fc.property(fc.nat(0xfff), steps, (first, all) => {
      const table = new IdTable<{ id: number }>(first, 0xfff);
      const model = new Map<number, { id: number }>();
      for (const step of all) {
        if (step === 'add' && model.size < 1_000) {
          const entry = { id: table.nextId() };
          expect(entry.id).toBeGreaterThan(0);
          expect(entry.id).toBeLessThanOrEqual(0xfff);
          expect(model.has(entry.id)).toBe(false);
          table.add(entry);
          model.set(entry.id, entry);
        } else if (model.size > 0) {
          const entry = [...model.values()][Number(step === 'add' ? 0 : step) % model.size]!;
          table.delete(entry);
          model.delete(entry.id);
          expect(table.get(entry.id)).toBeUndefined();
        }
        expect(table.size).toBe(model.size);
      }
      for (const [id, entry] of model) expect(table.get(id)).toBe(entry);
      expect(new Set(table.entries())).toEqual(new Set(model.values()));
    }),
    { numRuns: 50 },
  );
});
