import { startTestCluster, type TestCluster, type TestNode } from '@ringfort/testkit';
import { Routes } from './routes.ts';
import { type Fact, type Scenario, ScenarioContext } from './scenario.ts';
import { brokenOf, type Settled } from './settle.ts';

/** What a scenario came to. */
export interface Outcome {
  readonly scenario: string;
  /** Undefined when it ended before its requests could be judged. */
  readonly settled: Settled | undefined;
  /** What must hold and did not; empty when it passed. */
  readonly broken: readonly string[];
  /** Limits on time that were not kept. */
  readonly slow: readonly string[];
  readonly facts: Fact;
  /** Of a failure: where, and the last words of every node. */
  readonly detail: string;
  readonly tookMs: number;
}

export interface Surroundings {
  /** Aborted, it ends everything at once. */
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
}

const TIMEOUT_MS = 90_000;

/** Starts what the scenario wants, runs it, judges it, and leaves nothing running. Only an interruption rejects. */
export async function runScenario(scenario: Scenario, { signal, tell }: Surroundings): Promise<Outcome> {
  signal.throwIfAborted();
  const beginMs = performance.now();
  const late = AbortSignal.timeout(scenario.timeoutMs ?? TIMEOUT_MS);
  const ending = AbortSignal.any([signal, late]);
  const broken: string[] = [];
  let detail = '';
  let context: ScenarioContext | undefined;
  let cluster: TestCluster | undefined;
  const routes = (scenario.cluster.natsServers ?? 1) > 1 ? await Routes.open() : undefined;
  try {
    tell('starting');
    cluster = await startTestCluster({ ...clusterOptions(scenario, routes), signal: ending });
    context = new ScenarioContext(cluster, routes, ending, tell);
    await Promise.race([carryOut(scenario, context), rejectionOf(ending)]);
  } catch (error) {
    signal.throwIfAborted();
    broken.push(late.aborted ? `not ended after ${(scenario.timeoutMs ?? TIMEOUT_MS) / 1000} s` : messageOf(error));
    detail = `${(error as Error).stack ?? error}${(cluster?.nodes ?? []).map(lastLines).join('')}`;
  } finally {
    await context?.close();
    await cluster?.stop();
    await routes?.close();
  }
  const settled = context?.settled;
  return {
    scenario: scenario.name,
    settled,
    broken: [...(settled === undefined ? [] : brokenOf(settled)), ...broken],
    slow: context?.slow ?? [],
    facts: context?.facts ?? {},
    detail,
    tookMs: performance.now() - beginMs,
  };
}

async function carryOut(scenario: Scenario, context: ScenarioContext): Promise<void> {
  try {
    await scenario.run(context);
  } catch (error) {
    // What was lost, if anything, is told beside the failure, where the cluster can still be asked.
    if (!context.signal.aborted) await context.settle().catch((also: unknown) => context.tell(String(also)));
    throw error;
  }
  await context.settle();
}

function clusterOptions({ cluster }: Scenario, routes: Routes | undefined) {
  const { servers = 'all', natsServers = 1, ...common } = cluster;
  const noAdvertise = servers === 'own';
  return {
    ...common,
    natsServers,
    ownServer: noAdvertise,
    natsCluster: { noAdvertise, ...(routes === undefined ? {} : { routesThrough: routes }) },
  };
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n').slice(0, 6).join(' | ').slice(0, 600);
}

function lastLines(node: TestNode): string {
  const log = node.logTail(1_000).trim();
  return log === '' ? '' : `\n--- ${node.id} (${node.running ? 'running' : 'ended'}) ---\n${log}`;
}
