import type { ClusterChange, ClusterPlan, PlannedNode } from '@ringfort/membership';
import { ask, type Endpoint } from './api.ts';
import { CommandError, exitCode } from './exit.ts';
import type { CommandIo } from './io.ts';

export interface PlanOptions extends Endpoint {
  readonly json?: boolean | undefined;
  /** All partitions of each line of moves, however many. */
  readonly all?: boolean | undefined;
}

/** `ringfort cluster plan ...`: what changes of the cluster would do. */
export async function plan(changes: readonly ClusterChange[], options: PlanOptions, io: CommandIo): Promise<number> {
  const made = await askForPlan(changes, options);
  io.out(options.json ? `${JSON.stringify(made)}\n` : await renderPlan(made, options.all === true));
  return exitCode.done;
}

export async function askForPlan(changes: readonly ClusterChange[], endpoint: Endpoint): Promise<ClusterPlan> {
  const body = Buffer.from(JSON.stringify({ changes }));
  const headers = { 'content-type': 'application/json' };
  const response = await ask(endpoint, { method: 'POST', path: '/v1/cluster/plan', headers, body });
  return (await response.json()) as ClusterPlan;
}

/** A JSON list of changes, or one change, from the command line. */
export function changesFrom(text: string): ClusterChange[] {
  try {
    return [JSON.parse(text) as ClusterChange | ClusterChange[]].flat();
  } catch (cause) {
    throw new CommandError('USAGE', `${JSON.stringify(text)} is not JSON: give a list of changes`, {
      exitCode: exitCode.usage,
      cause,
    });
  }
}

/** @throws CommandError when the text is no number: what numbers a weight may have, the node says */
export function weightOf(text: string): number {
  if (/^\d{1,6}(\.\d{1,6})?$/.test(text)) return Number(text);
  throw new CommandError('USAGE', `weight "${text}": give a number, such as 2`, { exitCode: exitCode.usage });
}

/** @param fate what becomes of it */
export async function renderPlan(made: ClusterPlan, all: boolean, fate = 'Nothing is changed yet.'): Promise<string> {
  const [{ default: Table }, { default: colors }] = await Promise.all([import('cli-table3'), import('picocolors')]);
  const style = { head: [], border: [], compact: true };
  const nodes = new Table({
    head: ['node', '', 'zone', 'weight', 'slots now', 'after', 'share', 'gives', 'receives'],
    style,
    colAligns: ['left', 'left', 'left', 'right', 'right', 'right', 'right', 'right', 'right'],
  });
  for (const node of made.nodes) nodes.push(nodeRow(node));
  const moves = new Table({ head: ['from', 'to', 'slots', 'partitions'], style, colAligns: ['left', 'left', 'right'] });
  for (const flow of flowsOf(made)) moves.push([...flow.slice(0, 3), shortened(flow[3], all)]);
  const lines = [`${summaryOf(made)} ${fate}\n${nodes.toString()}`];
  if (made.moves.length > 0) lines.push(moves.toString());
  lines.push(...made.warnings.map((warning) => colors.yellow(`warning: ${warning}`)));
  return `${lines.join('\n')}\n`;
}

function summaryOf({ basedOn, changes, moves, underWay, efficiencyBefore, efficiencyAfter }: ClusterPlan): string {
  const percent = (part: number) => `${(100 * part).toFixed(1)}%`;
  const earlier = underWay === 0 ? '' : `, in place of ${underWay} that are under way`;
  return (
    `plan for ring ${basedOn.digest} (${basedOn.size} records): ${changes.map(textOf).join(', ')}\n` +
    `${moves.length} slots move${earlier}; balance ${percent(efficiencyBefore)} now, ${percent(efficiencyAfter)} after.`
  );
}

function textOf(change: ClusterChange): string {
  switch (change.type) {
    case 'replace':
      return `replace ${change.node} by ${change.by}`;
    case 'reweight':
      return `reweight ${change.node} to ${change.weight}`;
    case 'rezone':
      return `move ${change.node} to zone ${change.zone}`;
    default:
      return `${change.type} ${change.node}`;
  }
}

function nodeRow({ node, fate, zone, weight, slotsBefore, slotsAfter, share, gives, receives }: PlannedNode) {
  return [node, fate ?? '', zone, weight, slotsBefore, slotsAfter, share.toFixed(1), gives || '-', receives || '-'];
}

/** Slots by giver and taker. */
function flowsOf({ moves }: ClusterPlan): [from: string, to: string, slots: number, partitions: string][] {
  const flows = new Map<string, { from: string; to: string; partitions: number[] }>();
  for (const { from = '(nobody)', to, partition } of moves) {
    const key = `${from} ${to}`;
    const flow = flows.get(key) ?? { from, to, partitions: [] };
    flow.partitions.push(partition);
    flows.set(key, flow);
  }
  const sorted = [...flows.values()].sort((a, b) => (a.from + a.to < b.from + b.to ? -1 : 1));
  return sorted.map(({ from, to, partitions }) => [from, to, partitions.length, rangesOf(partitions)]);
}

/** `0-2 7 9-10` */
function rangesOf(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(' ');
}

const maxWidth = 60;

function shortened(text: string, all: boolean): string {
  return all || text.length <= maxWidth ? text : `${text.slice(0, text.lastIndexOf(' ', maxWidth))} ... (--all)`;
}
