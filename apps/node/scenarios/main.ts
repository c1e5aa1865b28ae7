import { readFileSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import pc from 'picocolors';
import { scenarios } from './faults/index.ts';
import { type Outcome, runScenario } from './harness/run-scenario.ts';
import type { Scenario } from './harness/scenario.ts';
import { tableMarkdown, tableText, verdictOf } from './harness/table.ts';

const BEGIN = '<!-- faults: begin -->';
const END = '<!-- faults: end -->';

interface Options {
  readonly only?: string;
  readonly except?: string;
  readonly list?: boolean;
  readonly markdown?: string;
  readonly latency: boolean;
  readonly repeat: string;
}

class UsageError extends Error {}

const tell = (line: string) => process.stderr.write(`${line}\n`);

const help = `
Each scenario starts real nodes and real nats-servers on free ports of this machine, breaks them under requests, heals them, and has the
history of all requests checked against what is there in the end. Everything it starts ends with it, also on Ctrl-C.

Scenarios:
${scenarios.map(({ name, about }) => `  ${name.padEnd(28)} ${about}`).join('\n')}

How to read the table:
  operations               gets and puts, whatever came of them
  acknowledged             puts that were answered with success
  indeterminate            puts that ended without anyone knowing whether they were applied (their process died, no answer came)
  lost                     acknowledged values that are neither there in the end nor overwritten by a write that had seen them: must be 0
  longest unavailability   the longest time without any success of one way in (HTTP, client) while requests were made through it
  p99.9                    of all operations, failed ones too, counted from when each was due
  replicas converged       keys whose replicas became byte-identical by hand-off alone, of all keys written; keys that were being written
                           when their coordinator was killed may need one read (anti-entropy, which would do it, is not built yet)

Exit codes: 0 all passed; 1 something was lost, diverged or failed, or a limit on time was not kept; 2 an option is wrong; 130 interrupted.

Examples:
  $ npm run faults
  $ npm run faults -- --only node-killed,partition-halves
  $ npm run faults -- --no-latency            # on a machine that is busy with other work
  $ npm run faults -- --markdown docs/faults.md`;

function chosen({ only, except }: Options): readonly Scenario[] {
  const named = (text: string) =>
    text.split(',').map((part) => {
      const name = part.trim();
      if (!scenarios.some((scenario) => scenario.name === name))
        throw new UsageError(`there is no scenario ${name}: ${scenarios.map((one) => one.name).join(', ')}`);
      return name;
    });
  const wanted = only === undefined ? undefined : named(only);
  const unwanted = except === undefined ? [] : named(except);
  return scenarios.filter(({ name }) => (wanted?.includes(name) ?? true) && !unwanted.includes(name));
}

/** Writes the table between the two marks of a Markdown file; scenarios that were not run keep their lines. */
function writeMarkdown(file: string, outcomes: readonly Outcome[]): void {
  const text = readFileSync(file, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin)
    throw new UsageError(`${file} lacks the lines ${BEGIN} and ${END}, between which the table goes`);
  const inner = text.slice(begin + BEGIN.length, end);
  writeFileSync(file, `${text.slice(0, begin + BEGIN.length)}\n\n${mergedTable(inner, outcomes)}\n${text.slice(end)}`);
}

function mergedTable(old: string, outcomes: readonly Outcome[]): string {
  const lineOf = (table: string, name: string) => table.split('\n').find((line) => line.split('|')[1]?.trim() === name);
  const fresh = tableMarkdown(outcomes);
  const lines = scenarios.flatMap(({ name }) => lineOf(fresh, name) ?? lineOf(old, name) ?? []);
  return [...fresh.split('\n').slice(0, 2), ...lines, ''].join('\n');
}

function tellOutcome(outcome: Outcome): void {
  const verdict = verdictOf(outcome);
  const facts = Object.entries(outcome.facts).map(
    ([name, value]) => `${name}=${typeof value === 'number' ? Math.round(value * 10) / 10 : value}`,
  );
  tell(
    `  ${verdict === 'passed' ? pc.green(verdict) : pc.red(verdict)} after ${(outcome.tookMs / 1_000).toFixed(1)} s  ${facts.join(' ')}`,
  );
  for (const problem of [...outcome.broken, ...outcome.slow]) tell(`  ${pc.red('-')} ${problem}`);
  if (outcome.detail !== '') tell(outcome.detail.replace(/^/gm, '    '));
}

async function runAll(options: Options, signal: AbortSignal): Promise<number> {
  const wanted = chosen(options);
  if (options.list) {
    for (const { name, about } of wanted) process.stdout.write(`${name.padEnd(28)} ${about}\n`);
    return 0;
  }
  const times = Number(options.repeat);
  if (!Number.isInteger(times) || times < 1)
    throw new UsageError(`--repeat: ${options.repeat} is not a whole number above 0`);
  const runs = wanted.flatMap((scenario) => Array.from({ length: times }, () => scenario));
  const outcomes: Outcome[] = [];
  for (const [index, scenario] of runs.entries()) {
    tell(`${pc.bold(scenario.name)} (${index + 1} of ${runs.length}): ${scenario.about}`);
    const outcome = await runScenario(scenario, { signal, tell: (line) => tell(`  ${pc.dim(line)}`) });
    outcomes.push(options.latency ? outcome : { ...outcome, slow: [] });
    tellOutcome(outcomes.at(-1)!);
  }
  process.stdout.write(`${tableText(outcomes)}\n`);
  if (options.markdown !== undefined) writeMarkdown(options.markdown, outcomes);
  return outcomes.every((outcome) => verdictOf(outcome) === 'passed') ? 0 : 1;
}

/** The first signal ends the scenario in order; a second one at once (its processes then end with this one). */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(name, () => {
      tell('\nending what was started ...');
      controller.abort(new Error('interrupted'));
      process.once(name, () => process.exit(130));
    });
  }
  return controller.signal;
}

const signal = interruption();
const program = new Command('npm run faults --')
  .description(
    'Breaks real clusters on purpose: kills, pauses, partitions, wipes. Tells what was lost (nothing, hopefully).',
  )
  .option('--only <names>', 'these scenarios alone, separated by commas')
  .option('--except <names>', 'all but these')
  .option('--repeat <n>', 'each so many times', '1')
  .option('--list', 'names the scenarios, runs none')
  .option('--markdown <file>', `writes the table between the lines ${BEGIN} and ${END} of this file`)
  .option('--no-latency', 'prints times without judging them')
  .addHelpText('after', help)
  .showHelpAfterError('(npm run faults -- --help explains)')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .action(async (options: Options) => {
    process.exitCode = await runAll(options, signal);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (signal.aborted) process.exitCode = 130;
  else if (error instanceof UsageError) {
    tell(`faults: ${error.message}`);
    process.exitCode = 2;
  } else throw error;
}
