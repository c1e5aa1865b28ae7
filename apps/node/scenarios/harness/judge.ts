import type { Sample } from './load.ts';

/** How often each name occurs. */
export function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** What failures there were, and when after an event the first and the last were due. */
export function failuresAfter(failures: readonly Sample[], eventMs: number): Record<string, string> {
  if (failures.length === 0) return {};
  const due = failures.map(({ intendedMs }) => Math.round(intendedMs - eventMs));
  return {
    codes: JSON.stringify(tally(failures.map(({ via, kind, code }) => `${via} ${kind} ${code}`))),
    failuresDueMs: `${Math.min(...due)}..${Math.max(...due)}`,
  };
}
