import type { SimPlan } from './plan-shape.ts';
import { optionsOf, type Simplification } from './simplify.ts';
import type { SimResult } from './simulate.ts';
import { timeline } from './timeline.ts';

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

/** The command that repeats one run of a plan, with less in it. */
export function replayCommand({ seed, scenario }: SimPlan, less: Simplification): string {
  return `npm run sim -- --seed ${seed} --runs 1 --scenario ${scenario}${optionsOf(less)}`;
}

/** What broke in a run, whose lines were kept, how it came to it, and how to see it again. `drawn`: its plan before anything was left out of it. */
export function failureReport(result: SimResult, drawn: SimPlan, commit: string, less: Simplification): string {
  const { plan, broken, entries } = result;
  const told = [...new Set(broken.map(({ invariant, what }) => `  ${invariant}  ${what}`))];
  const more = told.length > MAX_BROKEN ? [`  and ${told.length - MAX_BROKEN} more`] : [];
  return [
    `FAILED  seed ${drawn.seed}, scenario ${drawn.scenario}, commit ${commit}`,
    ...told.slice(0, MAX_BROKEN),
    ...more,
    `  simplest found: ${inWords(plan)}`,
    ...timeline(broken, entries).map((line) => `  ${line}`),
    `  again: ${replayCommand(drawn, less)}`,
  ].join('\n');
}

/** What a plan consists of. */
function inWords({ nodes, maxRequests, workload, nemeses, strikes, maxFaults, links }: SimPlan): string {
  const { clients, keys } = workload;
  const kinds = [...new Set([...nemeses, ...strikes].map(({ kind }) => kind))].join(', ');
  const rates = Object.entries(links).filter(([name, rate]) => name !== 'tailMs' && rate > 0);
  const onLinks = rates.map(([name, rate]) => `${name} ${(rate * 100).toFixed(1)} %`).join(', ');
  return [
    `${nodes} nodes, ${clients} clients, ${keys} keys, ${maxRequests} requests at most`,
    maxFaults === 0 || kinds === '' ? 'no faults' : `${maxFaults ?? 'any number of'} faults at most of ${kinds}`,
    ...(onLinks === '' ? [] : [`links: ${onLinks}`]),
  ].join('; ');
}
