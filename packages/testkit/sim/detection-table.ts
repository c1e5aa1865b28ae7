import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import {
  type Detection,
  type DetectionPlan,
  type DetectionRow,
  measureDetection,
  measurePauses,
  type PausePlan,
  type PauseRow,
} from './detection.ts';
import { alignedTable, lineOf, withMarked } from './markdown-table.ts';

const SEED = 1;
const marks = ['<!-- detection: made by `npm run sim -- --detection` -->', '<!-- /detection -->'] as const;
const [MINUTE_MS, HOUR_MS] = [60_000, 3_600_000];
/** How long a hundred nodes are watched: an hour of that takes many minutes. */
export const WATCH_MINUTES = 2;
const losses = [0, 0.05, 0.1, 0.2, 0.3];
/** What must hold up to this loss: no mistake, and each lost node known to all within so long. */
const [HELD_UP_TO, HELD_WITHIN_MS] = [0.05, 5_000];

function lossPlans(minutes: number): DetectionPlan[] {
  return [
    ...losses.map((loss) => ({ nodes: 5, loss, calmMs: HOUR_MS, crashes: 25 })),
    ...losses.map((loss) => ({ nodes: 100, loss, calmMs: minutes * MINUTE_MS, crashes: 5 })),
  ];
}

const pausePlans: readonly PausePlan[] = [5, 100].flatMap((nodes) => {
  const times = nodes === 5 ? 25 : 3;
  const pauses = [200, 500, 1_000, 5_000, 15_000].map((pauseMs): PausePlan => ({ nodes, pauseMs, times }));
  return [...pauses, ...[50, 200].map((lagMs): PausePlan => ({ nodes, lagMs, times: 3 }))];
});

/**
 * Measures failure detection in clusters of two sizes, and writes the tables into the document: always the same ones while the sources are the same.
 * @returns whether it holds what it must
 */
export async function tellDetection(document: string, minutes: number, tell: (line: string) => void): Promise<boolean> {
  const rows: DetectionRow[] = [];
  for (const plan of lossPlans(minutes)) {
    const row = await measureDetection(plan, SEED);
    rows.push(row);
    tell(lineOf(lossCells(row)));
  }
  const pauses: PauseRow[] = [];
  for (const plan of pausePlans) {
    const row = await measurePauses(plan, SEED);
    pauses.push(row);
    tell(lineOf(pauseCells(row)));
  }
  const before = existsSync(document) ? readFileSync(document, 'utf8') : '# Failure detection\n';
  writeFileSync(document, withDetection(before, rows, pauses));
  return rows.every(holds) && pauses.every(({ blamed }) => blamed === 0);
}

/** The document with both tables replaced, or put at its end. */
export function withDetection(text: string, rows: readonly DetectionRow[], pauses: readonly PauseRow[]): string {
  const tables = [lossTable(rows).join('\n'), pauseTable(pauses).join('\n')];
  return withMarked(text, marks, [marks[0], `Seed ${SEED}.`, ...tables, marks[1]].join('\n\n'));
}

export function holds({ loss, falseVerdicts, silent, closed }: DetectionRow): boolean {
  if (loss > HELD_UP_TO) return true;
  const isSoon = ({ allMs }: Detection) => allMs !== undefined && allMs <= HELD_WITHIN_MS;
  return falseVerdicts === 0 && [...silent, ...closed].every(isSoon);
}

function lossTable(rows: readonly DetectionRow[]): string[] {
  const columns = [
    'nodes',
    'lost',
    'watched for',
    'mistakes',
    'silent: first',
    'all',
    'all at worst',
    'closed: first',
    'all',
    'all at worst',
    'bytes/s per node',
  ];
  return alignedTable(columns, rows.map(lossCells));
}

function lossCells({ nodes, loss, calmMs, falseVerdicts, silent, closed, bytesPerSecond }: DetectionRow): string[] {
  const found = [silent, closed].flatMap((times) => {
    const all = times.map(({ allMs }) => allMs);
    const first = times.map(({ firstMs }) => firstMs);
    return [secondsText(middleOf(first)), secondsText(middleOf(all)), secondsText(sorted(all).at(-1))];
  });
  const watched = calmMs >= HOUR_MS ? `${calmMs / HOUR_MS} h` : `${calmMs / MINUTE_MS} min`;
  const bytes = Math.round(bytesPerSecond).toLocaleString('en');
  return [String(nodes), `${Math.round(loss * 100)}%`, watched, String(falseVerdicts), ...found, bytes];
}

function pauseTable(rows: readonly PauseRow[]): string[] {
  return alignedTable(
    ['nodes', 'one of them', 'times', 'believed down by any', 'others it blamed'],
    rows.map(pauseCells),
  );
}

function pauseCells({ nodes, pauseMs, lagMs, times, believedDown, blamed }: PauseRow): string[] {
  const what =
    lagMs === undefined ? `stands still for ${(pauseMs ?? 0) / 1_000} s` : `is up to ${lagMs} ms late for a minute`;
  return [String(nodes), what, String(times), String(believedDown), String(blamed)];
}

/** What did not happen comes last. */
function sorted(times: readonly (number | undefined)[]): (number | undefined)[] {
  return [...times].sort((a, b) => (a ?? Infinity) - (b ?? Infinity));
}

function middleOf(times: readonly (number | undefined)[]): number | undefined {
  return sorted(times)[Math.floor(times.length / 2)];
}

const secondsText = (ms: number | undefined) => (ms === undefined ? 'never' : `${(ms / 1_000).toFixed(2)} s`);
