import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { aboutSchema } from './contract.ts';

/** Whom a digest speaks of: some of a list that both sides know, from `start` on and round its end, or the names themselves. */
export type About = z.infer<typeof aboutSchema>;

/** The names that all who have the same members list in the same order. Equal ids mean equal lists. */
export interface Roster {
  readonly id: string;
  readonly names: readonly string[];
}

export function rosterOf(names: Iterable<string>): Roster {
  const sorted = [...new Set(names)].sort();
  return { id: createHash('sha256').update(sorted.join(' ')).digest('hex').slice(0, 16), names: sorted };
}

/** All names, beginning at `start`. */
export function namesFrom({ names }: Roster, start: number): string[] {
  return [...names.slice(start), ...names.slice(0, start)];
}

/** The names that are meant; none where the other side means a list that this one does not have. */
export function namesOf(about: About, roster: Roster): readonly string[] {
  if (about.ids !== undefined) return about.ids;
  const { roster: id, start = 0, count = 0 } = about;
  return id === roster.id ? namesFrom(roster, start).slice(0, count) : [];
}
