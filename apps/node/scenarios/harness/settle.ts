import { setTimeout as sleep } from 'node:timers/promises';
import type { History, HistoryReport, TestCluster } from '@ringfort/testkit';
import { checkHistory, hintsDrained, replicasOf, unequalKeys } from './cluster-state.ts';
import type { Door } from './doors.ts';
import { type Figures, figuresOf, type Load, type Sample } from './load.ts';

/** What of a scenario is settled. */
export interface Unsettled {
  readonly cluster: TestCluster;
  readonly history: History;
  readonly loads: readonly Load[];
  readonly single: readonly Sample[];
  readonly excused: readonly { readonly fromMs: number; readonly untilMs: number }[];
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
  note(facts: Readonly<Record<string, unknown>>): void;
  httpDoor(): Door;
}

/** What is left of a cluster after a scenario, all faults being healed. */
export interface Settled {
  readonly samples: readonly Sample[];
  readonly figures: Figures;
  /** The longest time in which one way in of one load had no success. */
  readonly longestOutageMs: number;
  readonly drainMs: number;
  readonly keys: readonly string[];
  /** Keys whose replicas handoff alone left unequal though none of their writes was in flight at a kill. */
  readonly unequal: readonly string[];
  /** Those of which one was. They must be equal after one read, as anti-entropy would make them. */
  readonly unequalInFlight: readonly string[];
  /** Keys whose replicas are unequal even after a read. */
  readonly diverged: readonly string[];
  readonly report: HistoryReport;
}

const DRAINED_WITHIN_MS = 25_000;
const EQUAL_WITHIN_MS = 5_000;
const POLL_MS = 100;

export async function settle(context: Unsettled): Promise<Settled> {
  const { cluster, history, loads, single } = context;
  const ended = await Promise.all(loads.map((load) => load.finish()));
  const samples = [...ended.flat(), ...single];
  context.tell('waiting for hand-off');
  const drainMs = await hintsDrained(cluster.nodes, DRAINED_WITHIN_MS);
  const keys = [...new Set(history.writes.map(({ key }) => key))];
  context.tell(`comparing the replicas of ${keys.length} keys`);
  const unequalAll = await unequalFor(context, keys);
  const inFlight = inFlightKeys(context, samples);
  const door = context.httpDoor();
  for (const key of unequalAll) await door.get(key);
  const diverged = unequalAll.length === 0 ? [] : await unequalFor(context, unequalAll);
  for (const key of diverged.slice(0, 3))
    context.note({ [key]: JSON.stringify(await replicasOf(cluster.nodes[0]!, key)) });
  const report = await checkHistory(history, door);
  return {
    samples,
    figures: figuresOf(samples),
    longestOutageMs: Math.max(0, ...ended.map((one) => figuresOf(one).longestGapMs)),
    drainMs,
    keys,
    unequal: unequalAll.filter((key) => !inFlight.has(key)),
    unequalInFlight: unequalAll.filter((key) => inFlight.has(key)),
    diverged,
    report,
  };
}

/** The keys that do not become equal soon. */
async function unequalFor({ cluster, signal }: Unsettled, keys: readonly string[]): Promise<readonly string[]> {
  const lateMs = performance.now() + EQUAL_WITHIN_MS;
  let open = await unequalKeys(cluster.nodes, keys);
  while (open.length > 0 && performance.now() < lateMs) {
    await sleep(POLL_MS, undefined, { signal });
    open = await unequalKeys(cluster.nodes, open);
  }
  return open;
}

/** Keys with a write that was on its way while a process was killed. */
function inFlightKeys({ excused }: Unsettled, samples: readonly Sample[]): Set<string> {
  const wasInFlight = ({ kind, intendedMs, endMs }: Sample) =>
    kind === 'put' && excused.some(({ fromMs, untilMs }) => intendedMs <= untilMs && endMs! >= fromMs);
  return new Set(samples.filter(wasInFlight).map(({ key }) => key));
}

/** What must hold after every scenario; empty when all does. */
export function brokenOf({ report, unequal, diverged }: Settled): string[] {
  const few = (names: readonly string[]) => names.slice(0, 5).join(', ') + (names.length > 5 ? ', ...' : '');
  const { violations, counts } = report;
  return [
    ...violations.slice(0, 10).map(({ kind, key, value }) => `${kind}: ${key} = ${value}`),
    ...(violations.length > 10 ? [`and ${violations.length - 10} more violations`] : []),
    ...(counts.pending > 0 ? [`${counts.pending} writes never ended`] : []),
    ...(unequal.length > 0 ? [`hand-off left the replicas of ${unequal.length} keys unequal: ${few(unequal)}`] : []),
    ...(diverged.length > 0 ? [`replicas of ${diverged.length} keys stay unequal: ${few(diverged)}`] : []),
  ];
}
