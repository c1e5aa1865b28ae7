import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { drawPlan, scenarios } from './plan.ts';
import { addTo, failureReport, newTotals, summary } from './report.ts';
import { simulate } from './simulate.ts';

const PROGRESS_EVERY_MS = 5_000;
const MAX_SEED = 2 ** 31;

const usage = `npm run sim -- [--seed S] [--runs N] [--scenario NAME] [--seconds T] [--log FILE]
  --seed      of the first run; the next ones follow it. Default: drawn
  --runs      how many. Default 100
  --seconds   end after so long at the latest
  --scenario  ${Object.entries(scenarios)
    .map(([name, { about }]) => `${name}: ${about}`)
    .join('\n              ')}
  --log       writes the event log of the runs to a file
`;

const tell = (line: string) => process.stdout.write(`${line}\n`);

function readOptions() {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      runs: { type: 'string', default: '100' },
      seconds: { type: 'string', default: '86400' },
      scenario: { type: 'string', default: 'default' },
      log: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * MAX_SEED));
  const [runs, seconds] = [Number(values.runs), Number(values.seconds)];
  if (![seed, runs, seconds].every((value) => Number.isInteger(value) && value >= 0)) {
    throw new RangeError('--seed, --runs and --seconds take whole numbers');
  }
  return { ...values, seed, runs, seconds };
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

async function main(): Promise<number> {
  const options = readOptions();
  if (options.help) {
    tell(usage);
    return 0;
  }
  const { seed, runs, seconds, scenario, log } = options;
  const totals = newTotals();
  const startMs = performance.now();
  let toldMs = startMs;
  tell(`${runs} runs of ${scenario} from seed ${seed}`);
  for (let index = 0; index < runs && performance.now() - startMs < seconds * 1000; index += 1) {
    const plan = drawPlan(seed + index, scenario);
    const result = await simulate(plan, { keepLines: log !== undefined });
    addTo(totals, result);
    if (log !== undefined) writeFileSync(log, `${result.lines.join('\n')}\n`, { flag: index === 0 ? 'w' : 'a' });
    if (result.broken.length > 0) tell(failureReport(await simulate(plan, { keepLines: true }), commitOf()));
    if (performance.now() - toldMs > PROGRESS_EVERY_MS) {
      toldMs = performance.now();
      tell(`  ${summary(totals, toldMs - startMs)}`);
    }
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
