import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterChange, ClusterPlan } from '@ringfort/membership';
import type { Committed } from '../http/change-routes.ts';
import type { MovesStatus } from '../http/moves-status.ts';
import { ask, type Endpoint } from './api.ts';
import { askForPlan, type PlanOptions, renderPlan } from './cluster.ts';
import { CommandError, exitCode } from './exit.ts';
import type { CommandIo } from './io.ts';
import { intervalMs } from './status.ts';

export interface ChangeOptions extends PlanOptions {
  /** Does not ask. */
  readonly yes?: boolean | undefined;
}

const headers = { 'content-type': 'application/json' };

/** `ringfort cluster leave n2`: shows what it would do, asks, and does it. */
export async function change(
  changes: readonly ClusterChange[],
  options: ChangeOptions,
  io: CommandIo,
): Promise<number> {
  const plan = await askForPlan(changes, options);
  if (!options.json) io.out(await renderPlan(plan, options.all === true));
  if (!(await isWanted('Change the cluster so?', options, io))) return exitCode.failed;
  return tellCommitted(await commitPlan(plan, options), options, io);
}

/** `ringfort cluster commit`: a plan that `cluster plan --json` printed, from a file or from standard input. */
export async function commit(file: string | undefined, options: Endpoint & JsonOption, io: CommandIo): Promise<number> {
  const text = file === undefined || file === '-' ? Buffer.from(await io.readStdin()) : await readFile(file);
  return tellCommitted(await commitPlan(planFrom(text.toString('utf8')), options), options, io);
}

/** `ringfort cluster abort`: takes back what is under way. */
export async function abort(options: ChangeOptions, io: CommandIo): Promise<number> {
  if (!(await isWanted('Take back what is under way?', options, io))) return exitCode.failed;
  const response = await ask(options, { method: 'POST', path: '/v1/cluster/abort' });
  const made = (await response.json()) as ClusterPlan;
  io.out(
    options.json ? `${JSON.stringify(made)}\n` : await renderPlan(made, options.all === true, 'It is taken back.'),
  );
  return exitCode.done;
}

interface JsonOption {
  readonly json?: boolean | undefined;
}

export interface MovesOptions extends Endpoint, JsonOption {
  /** Seconds between two looks. */
  readonly watch?: string | true | undefined;
}

/** `ringfort cluster status`: what is yet to change hands. With `--watch` until nothing is. */
export async function moves(options: MovesOptions, io: CommandIo): Promise<number> {
  const everyMs = intervalMs(options.watch);
  for (;;) {
    const status = (await (await ask(options, { path: '/v1/cluster/moves' })).json()) as MovesStatus;
    io.out(options.json ? `${JSON.stringify(status)}\n` : renderMoves(status));
    if (everyMs === undefined || status.moves.length === 0) return exitCode.done;
    await sleep(everyMs);
  }
}

const barWidth = 30;

function renderMoves({ done, moves, ringVersion, self }: MovesStatus): string {
  const as = `ring ${ringVersion.digest} (${ringVersion.size} records), as ${self} knows it`;
  if (moves.length === 0) return `every slot is where it should be: ${as}\n`;
  const all = done + moves.length;
  const filled = Math.floor((barWidth * done) / all);
  const bar = `${'='.repeat(filled)}${'-'.repeat(barWidth - filled)}`;
  const lines = [...flowsOf(moves)].map(([flow, slots]) => `  ${flow}: ${slots}`);
  return `[${bar}] ${done} of ${all} slots have changed hands: ${as}\n${lines.join('\n')}\n`;
}

function flowsOf(moves: MovesStatus['moves']): Map<string, number> {
  const flows = new Map<string, number>();
  for (const { from = '(nobody)', to = '(closed)', vacant } of moves) {
    const flow = `${vacant ? `${from}, which is gone,` : from} -> ${to}`;
    flows.set(flow, (flows.get(flow) ?? 0) + 1);
  }
  return new Map([...flows].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function commitPlan({ basedOn, changes }: Pick<ClusterPlan, 'basedOn' | 'changes'>, endpoint: Endpoint) {
  const body = Buffer.from(JSON.stringify({ basedOn, changes }));
  const response = await ask(endpoint, { method: 'POST', path: '/v1/cluster/commit', headers, body });
  return (await response.json()) as Committed;
}

function tellCommitted(committed: Committed, { json }: JsonOption, io: CommandIo): number {
  const { digest, size } = committed.ringVersion;
  io.out(
    json
      ? `${JSON.stringify(committed)}\n`
      : `committed: ring ${digest} (${size} records). ringfort cluster status --watch follows it.\n`,
  );
  return exitCode.done;
}

/** @throws CommandError when nobody is there to ask */
async function isWanted(question: string, { yes }: ChangeOptions, io: CommandIo): Promise<boolean> {
  if (yes) return true;
  if (!io.stdinIsTty) {
    throw new CommandError('USAGE', 'nobody is there to ask: give --yes', { exitCode: exitCode.usage });
  }
  const answer = await io.question(`${question} [y/N] `);
  if (/^y(es)?$/i.test(answer.trim())) return true;
  io.err('nothing was changed');
  return false;
}

function planFrom(text: string): Pick<ClusterPlan, 'basedOn' | 'changes'> {
  try {
    return JSON.parse(text) as ClusterPlan;
  } catch (cause) {
    throw new CommandError('USAGE', 'that is not JSON: give what `ringfort cluster plan ... --json` printed', {
      exitCode: exitCode.usage,
      cause,
    });
  }
}
