import { type CountedBus, createBus } from '@ringfort/bus';
import { type Bucket, connect, type Db, text } from '@ringfort/client';
import { type Context, decodeContext } from '@ringfort/versioning';
import type { SeededRandom, VirtualClock } from '../src/index.ts';
import type { BucketRules } from './bucket-rules.ts';
import type { Dots } from './dots.ts';
import type { EventLog } from './event-log.ts';
import { NodeClock } from './node-clock.ts';
import type { RequestKind, Requests, SimRequest } from './requests.ts';
import type { SimNetwork, SimTransport } from './sim-network.ts';

/** What the clients of a run share. */
export interface ClientWorld {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  readonly log: EventLog;
  readonly dots: Dots;
  readonly rules: BucketRules;
  readonly requests: Requests;
}

export const BUCKET = 'sim';
/** Replicas of a key: the default bucket's N. */
export const N = 3;

/** The quorum settings of one request; absent: the bucket's. */
export interface QuorumChoice {
  readonly r?: number;
  readonly w?: number;
  readonly dw?: number;
  readonly sloppy?: boolean;
}

export interface ClientRequest {
  readonly kind: RequestKind;
  readonly key: string;
  readonly context?: Uint8Array | undefined;
  readonly timeoutMs: number;
  readonly quorum: QuorumChoice;
  /** Whether all acknowledgements are from disk. */
  readonly fullyDurable: boolean;
}

/** The reply to a read, or to a write. */
export interface Seen {
  readonly values: readonly string[];
  readonly context: Uint8Array | undefined;
}

/** One application process with `@ringfort/client`, all of whose requests are recorded and judged. */
export class SimClient {
  readonly id: string;
  readonly clock: NodeClock;
  readonly transport: SimTransport;
  readonly #world: ClientWorld;
  readonly #random: SeededRandom;
  readonly #bus: CountedBus;
  #db: Db | undefined;
  #bucket: Bucket<string> | undefined;
  #writes = 0;

  constructor(id: string, world: ClientWorld, random: SeededRandom) {
    this.id = id;
    this.#world = world;
    this.#random = random;
    this.clock = new NodeClock(world.clock, random.fork());
    this.transport = world.network.connect(`client.${id}`, this.clock);
    const self = `client.${id}`;
    const onError = (error: unknown, where: string) => world.log.add(id, `${where}: ${String(error)}`);
    this.#bus = createBus(this.transport, { cluster: 'sim', self, clock: this.clock, random: random.fork(), onError });
  }

  get bus(): CountedBus {
    return this.#bus;
  }

  async connect(): Promise<void> {
    this.#db = await connect({ bus: this.#bus, clock: this.clock, random: this.#random.fork() });
    this.#bucket = this.#db.bucket(BUCKET, { codec: text });
  }

  async close(): Promise<void> {
    await this.#db?.close();
    await this.#bus.close();
  }

  /** Sends one request, records how it ends; undefined when it failed. */
  async request({ kind, key, context, timeoutMs, quorum, fullyDurable }: ClientRequest): Promise<Seen | undefined> {
    const { clock, log, dots, rules, requests } = this.#world;
    const name = `${this.id}-${++this.#writes}`;
    const told = {
      client: this.id,
      kind,
      key,
      strict: quorum.sloppy === false,
      r: quorum.r ?? 2,
      w: quorum.w ?? 2,
      fullyDurable,
      timeoutMs,
      invokedMs: clock.monotonicMs(),
    };
    const value = kind === 'put' ? name : undefined;
    const request = requests.begin({ ...told, value, context: context && textOf(context) });
    const given = context && decodeContext(context);
    if (kind !== 'get') dots.writeSent(key, name, given, kind === 'delete');
    const settings = Object.entries(quorum).map(([setting, chosen]) => `${setting}=${chosen}`);
    log.add(this.id, `${kind} ${key} ${name}${context ? ' with context' : ''} ${settings.join(' ')} (${timeoutMs} ms)`);
    try {
      const seen = await this.#send(kind, key, name, { ...quorum, timeoutMs, ...(context && { context }) });
      requests.answered(request, clock.monotonicMs(), seen.context && textOf(seen.context), seen.values);
      log.add(this.id, `${name} of ${key} ok ${seen.values.join(' ')}`);
      this.#judge(kind, key, name, given, seen);
      if (kind === 'get') {
        this.#judgeStrict(request, seen.values);
        rules.checkRead(key, seen.values, clock.now() - (clock.monotonicMs() - request.invokedMs));
      }
      return seen;
    } catch (error) {
      const { code, outcome } = error as { code?: string; outcome?: 'not-applied' | 'indeterminate' };
      requests.failed(request, clock.monotonicMs(), { code, outcome });
      log.add(this.id, `${name} of ${key} failed ${code ?? String(error)} ${outcome ?? ''}`);
      return undefined;
    }
  }

  /** A put beyond the record: the code with which it failed, or 'ok'. */
  async codeOfPut(key: string, context: Uint8Array): Promise<string> {
    try {
      await this.#send('put', key, `${this.id}-unrecorded`, { timeoutMs: 2_000, context });
      return 'ok';
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  }

  async #send(
    kind: RequestKind,
    key: string,
    value: string,
    options: QuorumChoice & { timeoutMs: number; context?: Uint8Array },
  ): Promise<Seen> {
    const bucket = this.#bucket;
    if (bucket === undefined) throw new Error(`${this.id} is not connected`);
    if (kind === 'get') {
      const { siblings, context } = await bucket.get(key, options);
      return { values: siblings, context };
    }
    const { context } = kind === 'put' ? await bucket.put(key, value, options) : await bucket.delete(key, options);
    return { values: [], context };
  }

  #judgeStrict(request: SimRequest, values: readonly string[]): void {
    const { dots, requests } = this.#world;
    const { key } = request;
    for (const one of requests.checkStrictRead(request, values, N, (value, w) => dots.isExplained(key, value, w)))
      dots.blame(one);
  }

  #judge(kind: RequestKind, key: string, name: string, given: Context | undefined, { values, context }: Seen): void {
    const { dots } = this.#world;
    if (kind === 'get') dots.readAnswered(key, values, context && decodeContext(context));
    else if (kind === 'put') dots.writeAnswered(key, name, given, decodeContext(context!));
  }
}

const textOf = (context: Uint8Array) => Buffer.from(context).toString('base64url');
