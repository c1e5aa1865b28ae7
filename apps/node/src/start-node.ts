import type { Bus, Clock, MemoryNetwork, Random } from '@ringfort/bus';
import { systemClock, systemRandom } from '@ringfort/bus';
import type { Coordinator } from '@ringfort/coordinator';
import type { Membership } from '@ringfort/membership';
import type { Store } from '@ringfort/storage';
import type { Logger } from 'pino';
import { createActor, type SnapshotFrom } from 'xstate';
import type { NodeConfig } from './config.ts';
import { NotReadyError, StopTimedOutError } from './errors.ts';
import { createLog } from './log.ts';
import { nodeMachine } from './node-machine.ts';
import { NodeParts } from './node-parts.ts';

const stopLimitMs = 5000;

export interface NodeDeps {
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /** The network that the nodes of this process share, for `nats: "embedded"`. */
  readonly network?: MemoryNetwork | undefined;
  readonly log?: Logger | undefined;
  /** Whether `/metrics` tells of the process too; default true. */
  readonly processMetrics?: boolean | undefined;
}

/** How a node ended. */
export type NodeEnd = { readonly how: 'stopped' } | { readonly how: 'failed'; readonly failure: unknown };

export interface RunningNode {
  readonly id: string;
  /** Undefined with `http: "off"`. */
  readonly httpUrl: string | undefined;
  readonly membership: Membership;
  readonly coordinator: Coordinator;
  readonly store: Store;
  readonly bus: Bus;
  /** Resolves when the node has ended; never rejects. */
  readonly ended: Promise<NodeEnd>;
  /** Drains, closes everything in order, and resolves within 5 s; rejects with `STOP_TIMED_OUT` past that. Idempotent. */
  stop(): Promise<void>;
}

/** A node under way, from its first step on. */
export interface NodeLife {
  /** Resolves when the node serves; rejects with what made the start fail, after everything was closed again. */
  readonly started: Promise<RunningNode>;
  readonly ended: Promise<NodeEnd>;
  /** May be called at any time, during the start too. */
  stop(): Promise<void>;
}

/**
 * Starts a node and resolves when it serves. It may still be `joining` then: `GET /readyz` and `membership.state` tell.
 * @throws what the first part that failed threw: `PORT_TAKEN`, `STORE_LOCKED`, ...
 */
export function startNode(config: NodeConfig, deps: NodeDeps = {}): Promise<RunningNode> {
  return beginNode(config, deps).started;
}

/** As {@link startNode}, for a caller who may want to stop the node before it has started. */
export function beginNode(config: NodeConfig, deps: NodeDeps = {}): NodeLife {
  const log = deps.log ?? createLog(config);
  const clock = deps.clock ?? systemClock;
  const parts = new NodeParts(config, {
    clock,
    random: deps.random ?? systemRandom,
    network: deps.network,
    log,
    processMetrics: deps.processMetrics ?? true,
    lifeState: () => stateName(life.getSnapshot()),
  });
  let timedOut: StopTimedOutError | undefined;
  const machine = nodeMachine.provide({
    actors: parts.steps,
    actions: {
      reportStopFailure: ({ event }) => log.error({ err: errorOf(event) }, 'a part of the node did not close in order'),
      noteStopTimedOut: () => {
        timedOut = new StopTimedOutError(stopLimitMs, parts.lastStep);
      },
    },
    delays: { stopLimit: stopLimitMs },
  });
  const life = createActor(machine, { clock });
  const ended = new Promise<NodeEnd>((resolve) => {
    const settle = () => {
      const { value, context } = life.getSnapshot();
      const failure = timedOut ?? context.failure;
      resolve(value === 'stopped' && failure === undefined ? { how: 'stopped' } : { how: 'failed', failure });
    };
    life.subscribe({ complete: settle, error: (failure) => resolve({ how: 'failed', failure }) });
  });

  async function stop(): Promise<void> {
    if (life.getSnapshot().status === 'active') life.send({ type: 'stop.requested' });
    const end = await ended;
    if (end.how === 'failed') throw end.failure;
  }

  async function untilServing(): Promise<RunningNode> {
    const serving = new Promise<void>((resolve) => {
      life.subscribe((snapshot) => {
        if (snapshot.matches('serving')) resolve();
      });
    });
    life.start();
    const end = await Promise.race([serving, ended]);
    if (end === undefined) return { id: config.id, ...parts.all(), ended, stop };
    throw end.how === 'failed' ? end.failure : new NotReadyError('it was stopped before it had started');
  }
  return { started: untilServing(), ended, stop };
}

/** The innermost state: `connectingBus`, `serving`. */
function stateName({ value }: SnapshotFrom<typeof nodeMachine>): string {
  return typeof value === 'string' ? value : (Object.values(value)[0] as string);
}

function errorOf(event: object): unknown {
  return 'error' in event ? event.error : undefined;
}
