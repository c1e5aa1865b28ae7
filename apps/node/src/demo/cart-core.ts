import { z } from 'zod';

/** A shopping cart as the shop's application keeps it: how many of each item. */
export const cartSchema = z.record(z.string().min(1), z.int().min(1));
export type Cart = z.infer<typeof cartSchema>;

/**
 * What the application makes of carts that were written without knowledge of each other: every item of any of them, in the largest
 * quantity that any of them has. Nothing that was added is lost; an item that one of them had taken out comes back (paper section 4.4:
 * "deleted items can resurface"). Commutative, associative and idempotent, so whoever merges first does not matter.
 */
export function mergeCarts(carts: readonly Cart[]): Cart {
  const merged = new Map<string, number>();
  for (const [item, quantity] of carts.flatMap(Object.entries) as [string, number][]) {
    merged.set(item, Math.max(quantity, merged.get(item) ?? 0));
  }
  return Object.fromEntries([...merged].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `2 books, 1 lamp` without the grammar: `book x2, lamp x1`. */
export function cartText(cart: Cart): string {
  const items = Object.entries(cart).sort(([a], [b]) => (a < b ? -1 : 1));
  return items.length === 0 ? 'nothing' : items.map(([item, quantity]) => `${item} x${quantity}`).join(', ');
}
