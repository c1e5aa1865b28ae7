import Table from 'cli-table3';
import pc from 'picocolors';
import type { Outcome } from './run-scenario.ts';

const HEAD = [
  'scenario',
  'verdict',
  'operations',
  'acknowledged',
  'indeterminate',
  'lost',
  'longest unavailability',
  'p99.9',
  'replicas converged',
];

/** The outcomes for a terminal. */
export function tableText(outcomes: readonly Outcome[]): string {
  const table = new Table({
    head: HEAD,
    style: { head: [], border: [] },
    colAligns: HEAD.map((_, index) => (index < 2 ? 'left' : 'right')),
    wordWrap: true,
  });
  for (const outcome of outcomes) {
    const [name, verdict, ...figures] = cells(outcome);
    table.push([name, colour(outcome)(verdict!), ...figures]);
  }
  return table.toString();
}

/** The outcomes as a Markdown table. */
export function tableMarkdown(outcomes: readonly Outcome[]): string {
  const line = (texts: readonly string[]) => `| ${texts.join(' | ')} |`;
  return [
    line(HEAD),
    line(HEAD.map((_, index) => (index < 2 ? '---' : '---:'))),
    ...outcomes.map((one) => line(cells(one))),
  ]
    .join('\n')
    .concat('\n');
}

export function verdictOf({ broken, slow }: Outcome): 'passed' | 'slow' | 'FAILED' {
  if (broken.length > 0) return 'FAILED';
  return slow.length > 0 ? 'slow' : 'passed';
}

function colour(outcome: Outcome): (text: string) => string {
  return { passed: pc.green, slow: pc.yellow, FAILED: pc.red }[verdictOf(outcome)];
}

function cells(outcome: Outcome): string[] {
  const head = [outcome.scenario, verdictOf(outcome)];
  const { settled } = outcome;
  if (settled === undefined) return [...head, ...HEAD.slice(2).map(() => '-')];
  const { figures, report, longestOutageMs } = settled;
  return [
    ...head,
    String(figures.requests),
    String(report.counts.acknowledged),
    String(report.counts.indeterminate),
    String(report.violations.filter(({ kind }) => kind === 'lost').length),
    longestOutageMs === 0 ? '-' : milliseconds(longestOutageMs),
    milliseconds(figures.p999Ms),
    convergence(settled),
  ];
}

function convergence({ keys, unequal, unequalInFlight, diverged }: NonNullable<Outcome['settled']>): string {
  const atOnce = keys.length - unequal.length - unequalInFlight.length;
  const byRead = unequal.length + unequalInFlight.length - diverged.length;
  return `${atOnce}/${keys.length}${byRead > 0 ? ` (${byRead} more by a read)` : ''}`;
}

function milliseconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
