import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { BusEdge } from './bus-edge.ts';
import type { Edge } from './edge.ts';
import { openEdges } from './edges.ts';
import { runReal } from './real.ts';
import { type EdgeReport, runEdge } from './runner.ts';

const usage = `npm run fuzz -- [--seed S] [--inputs N] [--edge NAME] [--index I]
  --seed     Default: drawn. The same seed makes the same inputs
  --inputs   how many, shared among the edges. Default 100000
  --edge     one edge alone: context, object, record, history, frame, body, nats lines, journal, config, bus, http
  --real     at three real nodes behind a real nats-server, with a workload (needs a build); --inputs, --seed as above
  --index    one input of that edge again, as a failure tells it
`;
/** By how much the memory that is held may differ between the two halves of a run, in MB: a leak of 100 bytes an input is 10 MB in 100,000. */
const GROWTH_MB = 10;
const COLUMNS = [12, 9, 9, 18];

class UsageError extends Error {}

const tell = (line: string) => void process.stdout.write(`${line}\n`);

function readOptions() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      inputs: { type: 'string', default: '100000' },
      edge: { type: 'string' },
      index: { type: 'string' },
      real: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const whole = (text: string) => {
    if (!/^\d{1,10}$/.test(text)) throw new UsageError(`${text} is not a whole number`);
    return Number(text);
  };
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : whole(values.seed);
  const index = values.index === undefined ? undefined : whole(values.index);
  return { seed, index, inputs: whole(values.inputs), only: values.edge, help: values.help, real: values.real };
}

function row(cells: readonly string[]): string {
  return cells.map((cell, column) => cell.padEnd(COLUMNS[column] ?? 0)).join('  ');
}

function tellReport({ edge, inputs, seconds, firstHalfMb, secondHalfMb, outcomes, problems }: EdgeReport): void {
  const sorted = [...outcomes].sort(([, a], [, b]) => b - a).map(([outcome, count]) => `${outcome} ${count}`);
  const memory = `${firstHalfMb.toFixed(1)} -> ${secondHalfMb.toFixed(1)} MB`;
  tell(row([edge, String(inputs), String(Math.round(inputs / seconds)), memory, sorted.slice(0, 12).join(', ')]));
  for (const problem of problems) tell(`FAILED ${problem}`);
}

async function main(): Promise<number> {
  const { seed, index, inputs, only, help, real } = readOptions();
  if (help) {
    tell(usage);
    return 0;
  }
  if (real) return tellReal(seed, inputs);
  const { all, bus, close } = await openEdges();
  try {
    const edges = all.filter(({ name }) => only === undefined || name === only);
    if (edges.length === 0) throw new UsageError(`no edge ${only}`);
    return await runAll(edges, bus, { seed, inputs, index });
  } finally {
    await close();
  }
}

/** The processes are those of the build, in the folder from which this was started. */
async function tellReal(seed: number, count: number): Promise<number> {
  const report = await runReal({ seed, count, binary: resolve('apps/node/dist/main.js') });
  tell(
    `seed ${seed}: ${report.frames} frames, ${report.connections} connections, ${report.requests} requests of the workload`,
  );
  tell(`answers of the bus: ${[...report.answers].map(([code, times]) => `${code} ${times}`).join(', ')}`);
  tell(
    `resident: ${report.residentMb.map(([first, second]) => `${first.toFixed(0)} -> ${second.toFixed(0)} MB`).join(', ')}`,
  );
  for (const problem of new Set(report.problems)) tell(`FAILED ${problem}`);
  return report.problems.length > 0 ? 1 : 0;
}

async function runAll(
  edges: readonly Edge[],
  bus: BusEdge,
  { seed, inputs, index }: { seed: number; inputs: number; index: number | undefined },
): Promise<number> {
  const shares = edges.reduce((sum, { share }) => sum + share, 0);
  tell(`seed ${seed}\n${row(['edge', 'inputs', 'a second', 'held after', 'ends'])}`);
  let failed = 0;
  for (const edge of edges) {
    const count = index === undefined ? Math.ceil((inputs * edge.share) / shares) : 1;
    const report = await runEdge(edge, { seed, count, from: index ?? 0 });
    tellReport(report);
    const grown = report.secondHalfMb - report.firstHalfMb;
    if (grown > GROWTH_MB) tell(`FAILED ${edge.name} grows by ${grown.toFixed(1)} MB, more than ${GROWTH_MB}`);
    failed += report.problems.length + (grown > GROWTH_MB ? 1 : 0);
  }
  tell(`answers of the bus: ${[...bus.answers].map(([code, count]) => `${code} ${count}`).join(', ')}`);
  return failed > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS'))) throw error;
  process.stderr.write(`fuzz: ${(error as Error).message}\n${usage}`);
  process.exitCode = 2;
}
