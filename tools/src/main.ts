import { Command } from 'commander';
import { checkAmbient } from './commands/ambient.ts';
import { faults } from './commands/faults.ts';
import { checkFloors } from './commands/floors.ts';
import { checkLayout } from './commands/layout.ts';
import { packCheck } from './commands/pack-check.ts';
import { setUp } from './commands/setup.ts';
import { fuzz, sim } from './commands/sim.ts';
import { bench, demo, start } from './commands/start.ts';
import { statecharts } from './commands/statecharts.ts';
import { runSteps, testSteps } from './commands/test.ts';
import { ToolError } from './errors.ts';
import { build } from './nx.ts';
import type { Outcome } from './outcome.ts';
import { stopChildrenOnSignals } from './process.ts';
import { workspaceRoot as root } from './root.ts';

const tell = (line: string) => process.stderr.write(`ringfort: ${line}\n`);

/** Prints what a check found. */
function report({ failed, problems, summary }: Outcome): number {
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.stdout.write(failed > 0 ? `${failed} failed\n` : `ok: ${summary}\n`);
  return failed > 0 ? 1 : 0;
}

/** Runs a subcommand to its exit code; its background children end with it, whatever ends it. */
async function finish(work: () => Promise<number> | number): Promise<void> {
  const release = stopChildrenOnSignals();
  try {
    process.exitCode = await work();
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    if (error.output.trim()) process.stderr.write(`${error.output.trimEnd()}\n`);
    tell(error.message);
    process.exitCode = 1;
  } finally {
    release();
  }
}

type Foreground = (root: string, args: readonly string[], tell: (line: string) => void) => Promise<number>;

/** A subcommand that hands all its arguments to a program of the workspace. */
function passThrough(name: string, description: string, foreground: Foreground): void {
  program
    .command(name)
    .description(description)
    .argument('[args...]')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action((args: string[]) => finish(() => foreground(root, args, tell)));
}

async function testAll({ only }: { only?: string }): Promise<number> {
  const onCi = !['', '0', 'false', undefined].includes(process.env.CI);
  const steps = testSteps(root, { onCi, tell: (line) => process.stdout.write(`       ${line}\n`) });
  const names = only?.split(',');
  const unknown = names?.find((name) => !steps.some((step) => step.name === name));
  if (unknown) throw new ToolError('NO_STEP', `no step ${unknown}: ${steps.map((step) => step.name).join(', ')}`);
  if (names && onCi) throw new ToolError('ONLY_ON_CI', 'on CI all steps are run: --only is refused');
  return runSteps(names ? steps.filter((step) => names.includes(step.name)) : steps, (text) =>
    process.stdout.write(text),
  );
}

const program = new Command('npm run tools --').description('The tools of this workspace.').enablePositionalOptions();

program
  .command('setup')
  .description('install what is missing: npm packages, nats-server')
  .action(() =>
    finish(async () => {
      const { natsServer } = await setUp(root, tell);
      if (natsServer) tell(`nats-server: ${natsServer}`);
      return natsServer ? 0 : 1;
    }),
  );
passThrough('start', 'build and start a local cluster (arguments go to `ringfort dev`)', start);
passThrough('demo', 'build and run the shopping cart demo', demo);
passThrough('bench', 'build and run the benchmark (arguments go to it)', bench);
passThrough('faults', 'break real clusters on purpose, and check what is left (arguments go to it)', faults);
passThrough('fuzz', 'malformed frames, contexts, requests at every edge, from a seed (arguments go to it)', fuzz);
passThrough('sim', 'simulate whole clusters with faults, from a seed (arguments go to it)', sim);
program
  .command('test')
  .description('every check and every test')
  .option('--only <steps>', 'some steps alone, by name, separated by commas')
  .action((options: { only?: string }) => finish(() => testAll(options)));
program
  .command('floors')
  .description('check which package imports which')
  .action(() => finish(() => report(checkFloors(root))));
program
  .command('ambient')
  .description('what is simulated uses no clock, timer or randomness of its own')
  .action(() => finish(() => report(checkAmbient(root))));
program
  .command('layout')
  .description('check the top level of the repository and its lockfile')
  .action(() => finish(() => report(checkLayout(root))));
program
  .command('statecharts')
  .description('draw all machines into docs/statecharts')
  .option('--check', 'only tell which pages are stale, missing or of no machine')
  .action((options: { check?: boolean }) =>
    finish(async () => {
      await build(root);
      return report(await statecharts(root, options.check ? 'check' : 'write'));
    }),
  );
program
  .command('pack-check')
  .description('pack every package, install the tarballs elsewhere, run the examples there')
  .action(() =>
    finish(async () => {
      await build(root);
      return report(await packCheck(root));
    }),
  );

await program.parseAsync();
