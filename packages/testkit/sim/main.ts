import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tellDetection, WATCH_MINUTES } from './detection-table.ts';
import { runGoldenFiles } from './golden/golden-files.ts';
import { runBatch } from './jobs.ts';
import { findMutants } from './mutation.ts';
import { scenarios } from './plan.ts';
import type { SimPlan } from './plan-shape.ts';
import { addTo, failureReport, newTotals, summary } from './report.ts';
import { tellScale } from './scale-table.ts';
import { type Simplification, shrink, simplified } from './simplify.ts';
import { type SimResult, simulate } from './simulate.ts';

/** How long a failing run is simplified at the longest. */
const SHRINK_MS = 60_000;
const PROGRESS_EVERY_MS = 5_000;
const MAX_SEED = 2 ** 31;

const usage = `npm run sim -- [--seed S] [--runs N] [--scenario NAME] [--seconds T] [--log FILE]
  --seed      of the first run; the next ones follow it. Default: drawn
  --runs      how many. Default 100
  --jobs      processes that share them. Default: one per core
  --seconds   end after so long at the latest
  --scenario  ${Object.entries(scenarios)
    .map(([name, { about }]) => `${name}: ${about}`)
    .join('\n              ')}
  --without   kinds of faults to leave out, separated by commas; \`links\`: those of all links
  --requests, --faults, --clients, --keys, --nodes   at most so many
  --variant   draws what chance decides anew, with the same plan: a report that was simplified may name one
  --shrink    how many runs may be spent on simplifying a failing one. Default 150
  --first     ends at the first failing run
  --mutants   plants known bugs one at a time, and tells how many seeds it takes to find each (--seconds: for each); \`all\`, or a part of a name
  --golden    runs the golden scripts whose names hold this (\`all\`), and tells where one prints something else than it says
  --update    writes down what the golden scripts print now: look at the difference before it is committed
  --scale     measures clusters of up to 100 nodes instead, and writes the table into docs/simulator.md
  --detection measures how soon a lost node is known, and how often one is believed lost by mistake, and writes the tables into
              docs/failure-detection.md; some ten minutes
  --minutes   that it watches clusters of 100 nodes for mistakes. Default ${WATCH_MINUTES}
  --log       writes the event log of the runs to a file
`;

const tell = (line: string) => process.stdout.write(`${line}\n`);

function readOptions() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      runs: { type: 'string', default: '100' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      seconds: { type: 'string', default: '86400' },
      scenario: { type: 'string', default: 'default' },
      without: { type: 'string', default: '' },
      requests: { type: 'string' },
      clients: { type: 'string' },
      keys: { type: 'string' },
      nodes: { type: 'string' },
      faults: { type: 'string' },
      variant: { type: 'string' },
      shrink: { type: 'string', default: '150' },
      first: { type: 'boolean', default: false },
      mutants: { type: 'string' },
      scale: { type: 'boolean', default: false },
      detection: { type: 'boolean', default: false },
      minutes: { type: 'string', default: String(WATCH_MINUTES) },
      golden: { type: 'string' },
      update: { type: 'boolean', default: false },
      log: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const number = (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0) throw new RangeError(`${text} is not a whole number`);
    return value;
  };
  const maybe = (text: string | undefined) => (text === undefined ? undefined : number(text));
  const less: Simplification = {
    without: values.without.split(',').filter((kind) => kind !== ''),
    requests: maybe(values.requests),
    clients: maybe(values.clients),
    keys: maybe(values.keys),
    nodes: maybe(values.nodes),
    faults: maybe(values.faults),
    variant: maybe(values.variant),
  };
  const { scenario, log, help, first, mutants, scale, detection, golden, update } = values;
  const seed = values.seed === undefined ? Math.floor(Math.random() * MAX_SEED) : number(values.seed);
  const [runs, seconds, tries] = [number(values.runs), number(values.seconds), number(values.shrink)];
  const jobs = Math.max(1, number(values.jobs));
  const minutes = Math.max(1, number(values.minutes));
  const programs = { help, mutants, scale, detection, minutes, golden, update };
  return { seed, runs, jobs, seconds, tries, scenario, log, first, ...programs, less };
}

/** Tells of a failed run, after it was made as simple as it can be while the same invariant breaks. */
async function tellFailure(drawn: SimPlan, result: SimResult, from: Simplification, tries: number): Promise<void> {
  const invariants = new Set(result.broken.map(({ invariant }) => invariant));
  tell(`seed ${drawn.seed} breaks ${[...invariants].join(', ')}; simplifying ...`);
  const endMs = performance.now() + SHRINK_MS;
  const fails = async (plan: SimPlan) =>
    performance.now() < endMs && (await simulate(plan)).broken.some(({ invariant }) => invariants.has(invariant));
  const less = await shrink(drawn, from, fails, tries);
  const simplest = await simulate(simplified(drawn, less), { keepLines: true });
  tell(failureReport(simplest, drawn, commitOf(), less));
}

function commitOf(): string {
  try {
    const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim();
    const changed = git('status', '--porcelain', '--', 'packages') === '' ? '' : ' with changes';
    return `${git('rev-parse', '--short=12', 'HEAD')}${changed}`;
  } catch {
    return 'unknown'; // no git, or no repository: the seed still tells the run
  }
}

/** A line of a Markdown table for each planted bug. Answers 1 when one was not found. */
function tellMutants(only: string, { runs, seconds }: { runs: number; seconds: number }): number {
  let missed = 0;
  tell('| planted bug | scenario | seeds needed | broken |\n| --- | --- | --- | --- |');
  for (const { mutant, seeds, invariants } of findMutants({ only: only === 'all' ? '' : only, runs, seconds })) {
    if (seeds === undefined) missed += 1;
    tell(`| ${mutant.name} | ${mutant.scenario} | ${seeds ?? 'not found'} | ${invariants} |`);
  }
  return missed > 0 ? 1 : 0;
}

/** Answers 1 when a script prints something else than it says. */
async function tellGolden(part: string, isUpdate: boolean): Promise<number> {
  const folder = join(process.cwd(), 'packages/testkit/test/sim/golden');
  const differing = await runGoldenFiles(folder, part === 'all' ? '' : part, isUpdate, tell);
  return differing > 0 && !isUpdate ? 1 : 0;
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options.help) {
    tell(usage);
    return 0;
  }
  if (options.golden !== undefined) return tellGolden(options.golden, options.update);
  if (options.scale) return (await tellScale('docs/simulator.md', tell)) ? 0 : 1;
  if (options.detection) return (await tellDetection('docs/failure-detection.md', options.minutes, tell)) ? 0 : 1;
  if (options.mutants !== undefined) return tellMutants(options.mutants, options);
  const { seed, runs, jobs, seconds, tries, scenario, log, less, first } = options;
  const totals = newTotals();
  const startMs = performance.now();
  let toldMs = startMs;
  tell(`${runs} runs of ${scenario} from seed ${seed}`);
  for await (const { drawn, result } of runBatch({ seed, runs, jobs, scenario, less, keepLines: log !== undefined })) {
    addTo(totals, result);
    if (log !== undefined) writeFileSync(log, `${result.lines.join('\n')}\n`, { flag: totals.runs === 1 ? 'w' : 'a' });
    if (result.broken.length > 0) await tellFailure(drawn, result, less, tries);
    if (performance.now() - toldMs > PROGRESS_EVERY_MS) {
      toldMs = performance.now();
      tell(`  ${summary(totals, toldMs - startMs)}`);
    }
    if (performance.now() - startMs > seconds * 1000 || (first && totals.failed > 0)) break;
    if (runs === 1) tell(`event log: ${result.events} lines, sha256 ${result.digest}`);
  }
  tell(summary(totals, performance.now() - startMs));
  return totals.failed > 0 ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof RangeError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS'))) throw error;
  process.stderr.write(`sim: ${(error as Error).message}\n${usage}`);
  process.exitCode = 2;
}
