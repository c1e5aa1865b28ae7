import { optionsOf, type Simplification } from './simplify.ts';
import type { SimResult } from './simulate.ts';
import type { BrokenInvariant } from './violations.ts';

const MAX_LINES = 120;
const MAX_BROKEN = 10;

/** Totals over the runs so far. */
export interface Totals {
  runs: number;
  failed: number;
  requests: number;
  acknowledged: number;
  indeterminate: number;
  events: number;
  virtualMs: number;
}

export function newTotals(): Totals {
  return { runs: 0, failed: 0, requests: 0, acknowledged: 0, indeterminate: 0, events: 0, virtualMs: 0 };
}

export function addTo(totals: Totals, result: SimResult): void {
  totals.runs += 1;
  if (result.broken.length > 0) totals.failed += 1;
  totals.requests += result.requests;
  totals.acknowledged += result.acknowledged;
  totals.indeterminate += result.indeterminate;
  totals.events += result.events;
  totals.virtualMs += result.virtualMs;
}

/** One line for all runs. */
export function summary(totals: Totals, realMs: number): string {
  const { runs, failed, requests, acknowledged, indeterminate, events, virtualMs } = totals;
  const perSecond = Math.round((requests * 1000) / realMs);
  const found = failed === 0 ? 'no invariant broken' : `${failed} FAILED`;
  return (
    `${runs} runs, ${found}: ${requests} operations (${acknowledged} answered, ${indeterminate} indeterminate), ${events} events, ` +
    `${perSecond} operations/s, ${(virtualMs / realMs).toFixed(1)} s virtual per real second, ${(realMs / 1000).toFixed(1)} s`
  );
}

/** The command that repeats one run. */
export function replayCommand({ plan }: SimResult, less: Simplification): string {
  return `npm run sim -- --seed ${plan.seed} --runs 1 --scenario ${plan.scenario}${optionsOf(less)}`;
}

/** What broke in a run, whose lines were kept, and how it came to it. */
export function failureReport(result: SimResult, commit: string, less: Simplification): string {
  const { plan, broken, lines } = result;
  const listed = broken.slice(0, MAX_BROKEN).map(({ invariant, what }) => `  ${invariant}  ${what}`);
  const more = broken.length > MAX_BROKEN ? [`  and ${broken.length - MAX_BROKEN} more`] : [];
  return [
    `FAILED  seed ${plan.seed}, scenario ${plan.scenario}, commit ${commit}`,
    ...listed,
    ...more,
    `  faults: ${plan.nemeses.map(({ kind, everyMs, forMs }) => `${kind} every ${everyMs} for ${forMs} ms`).join(', ') || 'none'}; links: ${JSON.stringify(plan.links)}`,
    ...timeline(broken, lines).map((line) => `    ${line}`),
    `  again: ${replayCommand(result, less)}`,
  ].join('\n');
}

/**
 * The lines about the first broken key, and what happened to nodes and links meanwhile; where these are too many, those that are nearest to a line
 * about the key.
 */
function timeline(broken: readonly BrokenInvariant[], lines: readonly string[]): string[] {
  const key = broken.find((one) => one.key !== undefined)?.key;
  const names = new RegExp(`\\b${key ?? 'no key'}\\b`);
  const isAbout = (line: string) => names.test(line) && !line.includes(' > ringfort.');
  const isGeneral = (line: string) => general.test(line);
  const events = lines.slice(1);
  const last = events.findLastIndex(isAbout);
  const about = events.filter((line, at) => isAbout(line) || (isGeneral(line) && (key === undefined || at <= last)));
  const cut = about.length - MAX_LINES;
  if (cut <= 0) return about;
  const only = about.filter(isAbout);
  const chosen = new Set(only.length >= MAX_LINES ? only.slice(-MAX_LINES) : about.slice(cut));
  for (const line of only.slice(-MAX_LINES)) chosen.add(line);
  return [`(${about.length - chosen.size} lines left out)`, ...about.filter((line) => chosen.has(line))];
}

const general = / (?:nemesis|run|check) | starts with| is killed| stops$/;
