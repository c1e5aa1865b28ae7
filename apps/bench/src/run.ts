import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setInterval } from 'node:timers';
import { cpuMicroseconds } from './cpu.ts';
import { closedLoop, eachOf, type LoopOptions, openLoop } from './loops.ts';
import type { RunOptions } from './options.ts';
import type { Progress } from './progress.ts';
import { seededDraw } from './random.ts';
import { Session } from './session.ts';
import { type Measurement, type Ratio, ratioOf, type Summary, summarise } from './stats-core.ts';
import { Cleanup, type StartTarget, type Target, type TargetName } from './target.ts';
import { Values } from './value-core.ts';
import { OperationStream, type WorkloadName, workloads } from './workload-core.ts';

/** What one workload showed. */
export interface WorkloadResult {
  readonly workload: WorkloadName;
  readonly targets: readonly { target: TargetName; summary: Summary; rounds: readonly Measurement[] }[];
  /** The first target against each other one. */
  readonly ratios: readonly Ratio[];
}

export interface RunResult {
  readonly descriptions: Readonly<Partial<Record<TargetName, string>>>;
  readonly workloads: readonly WorkloadResult[];
}

export interface RunContext {
  readonly starters: Readonly<Record<TargetName, StartTarget>>;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

const LOAD_IN_FLIGHT = 128;
const PROGRESS_MS = 250;

/**
 * Starts all targets, loads them, and measures each workload in rounds in which the targets take turns; then reads every key again.
 * Whatever happens, every process is ended and every file removed.
 *
 * @throws an error that names the target when an operation failed or a read was wrong: there is then no result at all
 */
export async function run(options: RunOptions, context: RunContext): Promise<RunResult> {
  const cleanup = new Cleanup();
  try {
    return await runIn(options, context, cleanup);
  } finally {
    context.progress.end();
    await cleanup.run();
  }
}

async function runIn(options: RunOptions, context: RunContext, cleanup: Cleanup): Promise<RunResult> {
  const dir = await mkdtemp(join(options.dir ?? tmpdir(), 'ringfort-bench-'));
  cleanup.add(() => rm(dir, { recursive: true, force: true }));
  const nodeFlags = options.cpuProf === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.cpuProf}`];
  const targets: Target[] = [];
  for (const name of options.target) {
    context.progress.stage(`starting ${name}`, 1);
    context.signal.throwIfAborted();
    const { nodes, durability } = options;
    const dw = options.dw ?? (durability === 'fsync' ? 2 : 0);
    const target = await context.starters[name]({ nodes, durability, dw, nodeFlags, dir: join(dir, name) });
    cleanup.add(() => target.stop());
    targets.push(target);
  }
  const results: WorkloadResult[] = [];
  const values = new Values(options.valueBytes);
  const sessions = targets.map((target) => new Session(target, values));
  for (const session of sessions) await load(session, options, context);
  const keys = new Map(sessions.map((session) => [session, options.records]));
  for (const workload of options.workload) results.push(await measure(workload, sessions, keys, options, context));
  for (const session of sessions) await verify(session, keys.get(session)!, context);
  return {
    descriptions: Object.fromEntries(targets.map((target) => [target.name, target.description])),
    workloads: results,
  };
}

async function load(session: Session, options: RunOptions, { progress, signal }: RunContext): Promise<void> {
  progress.stage(`${session.target.name}: loading ${options.records} records`, options.records);
  const stepping = { session, signal, inFlight: LOAD_IN_FLIGHT, done: () => progress.step() };
  await eachOf(options.records, stepping, (key) => session.run({ kind: 'insert', key }));
  session.assertSound();
}

async function verify(session: Session, keys: number, { progress, signal }: RunContext): Promise<void> {
  progress.stage(`${session.target.name}: reading all ${keys} records again`, keys);
  const stepping = { session, signal, inFlight: LOAD_IN_FLIGHT, done: () => progress.step() };
  await eachOf(keys, stepping, (key) => session.verify(key));
  session.assertSound();
}

async function measure(
  name: WorkloadName,
  sessions: readonly Session[],
  keys: Map<Session, number>,
  options: RunOptions,
  context: RunContext,
): Promise<WorkloadResult> {
  const rounds = new Map<Session, Measurement[]>(sessions.map((session) => [session, []]));
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const session of sessions) {
      const title = `${workloads[name].title}, round ${round}/${options.rounds}: ${session.target.name}`;
      // Every target draws the same operations in the same round.
      const draw = seededDraw(options.seed + round * 7_919);
      const source = new OperationStream(workloads[name], keys.get(session)!, draw, options.distribution);
      rounds.get(session)!.push(await measureRound(session, source, title, options, context));
      keys.set(session, source.readableKeys);
      session.assertSound();
    }
  }
  const [first, ...others] = sessions;
  return {
    workload: name,
    targets: sessions.map((session) => ({
      target: session.target.name,
      summary: summarise(rounds.get(session)!),
      rounds: rounds.get(session)!,
    })),
    ratios: others.map((other) =>
      ratioOf(first!.target.name, rounds.get(first!)!, other.target.name, rounds.get(other)!),
    ),
  };
}

async function measureRound(
  session: Session,
  source: OperationStream,
  title: string,
  options: RunOptions,
  { progress, signal }: RunContext,
): Promise<Measurement> {
  const loop = (seconds: number) => {
    const common: LoopOptions = { session, source, seconds, signal };
    return options.rate === undefined
      ? closedLoop({ ...common, clients: options.clients })
      : openLoop({ ...common, rate: options.rate });
  };
  const steps = Math.ceil(((options.warmup + options.seconds) * 1_000) / PROGRESS_MS);
  progress.stage(title, steps);
  const ticking = setInterval(() => progress.step(), PROGRESS_MS);
  try {
    if (options.warmup > 0) await loop(options.warmup);
    const { pids } = session.target;
    const serverBefore = cpuMicroseconds(pids);
    const clientBefore = process.cpuUsage();
    session.startRecording();
    const { operations, seconds } = await loop(options.seconds);
    const latency = session.stopRecording();
    const client = process.cpuUsage(clientBefore);
    const serverUs = cpuMicroseconds(pids) - serverBefore;
    return {
      operations,
      seconds,
      throughput: operations / seconds,
      latency: latency.all,
      latencyByKind: latency.kinds,
      clientCpuUs: (client.user + client.system) / operations,
      serverCpuUs: serverUs / operations,
    };
  } finally {
    clearInterval(ticking);
  }
}
