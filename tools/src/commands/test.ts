import { join } from 'node:path';
import pc from 'picocolors';
import { ToolError } from '../errors.ts';
import { howToGetNatsServer } from '../nats-server.ts';
import { runMany } from '../nx.ts';
import { closingLine, type Outcome, outcomeOf } from '../outcome.ts';
import { type Ran, run } from '../process.ts';
import { checkAmbient } from './ambient.ts';
import { checkFloors } from './floors.ts';
import { checkLayout } from './layout.ts';
import { packCheck } from './pack-check.ts';
import { setUp } from './setup.ts';
import { simulatorSeeds } from './sim.ts';
import { statecharts } from './statecharts.ts';
import { scenarioTests, unitTests } from './unit-tests.ts';

export interface Step {
  readonly name: string;
  /** Steps that must have passed for this one to mean anything. */
  readonly needs?: readonly string[];
  readonly run: () => Promise<Outcome> | Outcome;
}

/** The steps of `npm test`, cheap ones first. */
export function testSteps(root: string, options: { onCi: boolean; tell: (line: string) => void }): Step[] {
  return [
    { name: 'set-up', run: () => setUpOutcome(root, options.tell) },
    { name: 'format and lint', run: () => biome(root) },
    { name: 'layout', run: () => checkLayout(root) },
    { name: 'floors', run: () => checkFloors(root) },
    { name: 'real world', run: () => checkAmbient(root) },
    { name: 'build', run: async () => ranOutcome(await runMany(root, 'build', { timeoutMs: 240_000, tools: false })) },
    {
      name: 'types',
      run: async () => ranOutcome(await runMany(root, 'typecheck', { timeoutMs: 240_000, tools: true })),
    },
    { name: 'statecharts', needs: ['build'], run: () => statecharts(root, 'check') },
    { name: 'tests', run: () => unitTests(root, options) },
    { name: 'simulator', run: () => simulatorSeeds(root) },
    { name: 'packages', needs: ['build'], run: () => packCheck(root) },
    { name: 'scenarios', needs: ['set-up', 'build'], run: () => scenarioTests(root, options) },
  ];
}

/**
 * Runs the steps one after the other, a line each, the output of those that fail, and the closing line.
 * A step that throws, or whose needs failed, counts as one failure.
 * @returns the exit code
 */
export async function runSteps(steps: readonly Step[], print: (text: string) => void): Promise<number> {
  const outcomes = new Map<string, Outcome>();
  for (const step of steps) {
    const startedAt = process.hrtime.bigint();
    const outcome = await runStep(step, outcomes);
    outcomes.set(step.name, outcome);
    const seconds = (Number(process.hrtime.bigint() - startedAt) / 1e9).toFixed(1);
    for (const problem of outcome.failed > 0 ? outcome.problems : []) print(`${problem.trimEnd()}\n`);
    const mark = outcome.failed > 0 ? pc.red('failed') : pc.green('ok    ');
    const counts = outcome.failed > 0 ? `${outcome.failed} failed` : outcome.summary;
    print(`${mark} ${step.name.padEnd(16)} ${seconds.padStart(6)} s  ${counts}\n`);
  }
  const all = [...outcomes.values()];
  print(`${closingLine(all)}\n`);
  return all.some((outcome) => outcome.failed > 0) ? 1 : 0;
}

async function runStep(step: Step, before: ReadonlyMap<string, Outcome>): Promise<Outcome> {
  const failed = (step.needs ?? []).find((name) => (before.get(name)?.failed ?? 0) > 0);
  if (failed) return outcomeOf([`${step.name} was not run, because ${failed} failed`], '');
  try {
    return await step.run();
  } catch (error) {
    if (error instanceof ToolError) return outcomeOf([error.output + error.message], '');
    return outcomeOf([(error as Error).stack ?? String(error)], '');
  }
}

async function setUpOutcome(root: string, tell: (line: string) => void): Promise<Outcome> {
  const { natsServer } = await setUp(root, tell);
  if (natsServer) return outcomeOf([], natsServer);
  return outcomeOf([`the tests need a nats-server: ${howToGetNatsServer}`], '');
}

async function biome(root: string): Promise<Outcome> {
  const bin = join(root, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
  const args = [bin, 'ci', '--colors=off', '--error-on-warnings', '--max-diagnostics=50', '.'];
  return ranOutcome(await run(process.execPath, args, { cwd: root, timeoutMs: 60_000 }));
}

function ranOutcome(ran: Ran): Outcome {
  if (ran.code === 0) return outcomeOf([], '');
  return outcomeOf([ran.timedOut ? `${ran.output}\nended after its time limit` : ran.output], '');
}
