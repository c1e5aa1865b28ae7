import type { SeededRandom } from '../src/index.ts';
import type { SimPlan, Workload } from './plan-shape.ts';
import type { ClientRequest, QuorumChoice, SimClient } from './sim-client.ts';

type Action = keyof Workload['mix'];

/** What is left to do for all clients of a run. */
export interface LoadBudget {
  /** Requests that may still be sent. */
  left: number;
  /** Set when the load ends. */
  over: boolean;
}

export function keyNames(plan: SimPlan): string[] {
  return Array.from({ length: plan.workload.keys }, (_, index) => `k${index}`);
}

/** Sends requests, one after another with pauses, until the budget is used up. Resolves when its last request has ended. */
export async function runClient(
  client: SimClient,
  plan: SimPlan,
  budget: LoadBudget,
  random: SeededRandom,
): Promise<void> {
  const writer = new Writer(client, plan, random);
  await client.connect();
  while (!budget.over && budget.left > 0) {
    budget.left -= 1;
    const ended = writer.act();
    // Now and then the next request does not wait for this one.
    if (random.chance(plan.workload.overlap) && budget.left > 0) {
      budget.left -= 1;
      await Promise.all([ended, writer.act()]);
    } else await ended;
    await pause(client, -Math.log(1 - random.float()) * plan.workload.thinkMs);
  }
}

function pause(client: SimClient, ms: number): Promise<void> {
  return new Promise((resolve) => {
    client.clock.setTimeout(resolve, ms);
  });
}

/** Keeps the contexts that one client has been given, and decides on its next request. */
class Writer {
  readonly #client: SimClient;
  readonly #plan: SimPlan;
  readonly #random: SeededRandom;
  readonly #keys: readonly string[];
  /** All contexts of a key, the latest last. */
  readonly #contexts = new Map<string, Uint8Array[]>();
  /** The context of its last put of a key. */
  readonly #own = new Map<string, Uint8Array>();

  constructor(client: SimClient, plan: SimPlan, random: SeededRandom) {
    this.#client = client;
    this.#plan = plan;
    this.#random = random;
    this.#keys = keyNames(plan);
  }

  async act(): Promise<void> {
    const random = this.#random;
    const key = random.chance(this.#plan.workload.hotShare) ? this.#keys[0]! : random.pick(this.#keys);
    const action = this.#drawAction();
    const request = this.#requestFor(action, key);
    if (action === 'update') {
      const read = await this.#send({ ...request, kind: 'get', context: undefined });
      if (read === undefined) return;
      await this.#send({ ...request, context: this.#contexts.get(key)?.at(-1) });
      return;
    }
    await this.#send(request);
  }

  async #send(request: ClientRequest) {
    const seen = await this.#client.request(request);
    if (seen?.context === undefined) return seen;
    const known = this.#contexts.get(request.key) ?? [];
    this.#contexts.set(request.key, [...known.slice(-7), seen.context]);
    if (request.kind === 'put') this.#own.set(request.key, seen.context);
    return seen;
  }

  #requestFor(action: Action, key: string): ClientRequest {
    const random = this.#random;
    const contexts = this.#contexts.get(key) ?? [];
    const stale = contexts.length > 0 ? random.pick(contexts) : undefined;
    const kind = action === 'get' ? 'get' : action === 'delete' || action === 'blindDelete' ? 'delete' : 'put';
    const known: Partial<Record<Action, Uint8Array | undefined>> = {
      stalePut: stale,
      ownPut: this.#own.get(key),
      delete: contexts.at(-1),
    };
    const context = known[action];
    const quorum = this.#drawQuorum(kind);
    const { durability, workload } = this.#plan;
    const w = quorum.w ?? 2;
    const fullyDurable = quorum.dw === undefined ? durability === 'fsync' : quorum.dw >= w;
    return { kind, key, context, quorum, fullyDurable, timeoutMs: random.pick(workload.timeoutsMs) };
  }

  #drawQuorum(kind: ClientRequest['kind']): QuorumChoice {
    const random = this.#random;
    const { quorums, strict } = this.#plan.workload;
    if (!quorums || random.chance(0.5)) return strict ? { sloppy: false } : {};
    const sloppy = random.chance(0.7);
    const number = () => 1 + random.below(3);
    if (kind === 'get') return { sloppy, r: number() };
    const base = { sloppy, w: number(), ...(random.chance(0.5) && { dw: random.below(4) }) };
    return kind === 'delete' ? { ...base, r: number() } : base;
  }

  #drawAction(): Action {
    const entries = Object.entries(this.#plan.workload.mix) as [Action, number][];
    let point = this.#random.float() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [action, weight] of entries) {
      point -= weight;
      if (point < 0) return action;
    }
    return 'get';
  }
}
