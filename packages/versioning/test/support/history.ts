import {
  type Context,
  contextAfterPut,
  contextOf,
  type Dot,
  formatDot,
  type HlcStamp,
  mergeObjects,
  nextStamp,
  updateObject,
  type VersionedObject,
} from '../../src/index.ts';

/** A write in the naive model: its name, and every write that its author had seen. */
interface Event {
  readonly name: string;
  readonly seen: ReadonlySet<string>;
}

interface Replica {
  object: VersionedObject | undefined;
  /** The model: names of all writes that have reached this replica, directly or by being seen by one that has. */
  readonly known: Set<string>;
  given: number;
  clockMs: number;
}

interface Client {
  context: Context | undefined;
  seen: ReadonlySet<string>;
}

export type Step =
  | { readonly do: 'put'; readonly at: number; readonly by: number; readonly blind: boolean }
  | { readonly do: 'get'; readonly at: number; readonly by: number }
  | { readonly do: 'sync'; readonly from: number; readonly to: number };

const bytesOf = (name: string) => Buffer.from(name);
export const nameOf = (value: Uint8Array | undefined) => Buffer.from(value ?? []).toString();

/** Three replicas and three clients run a history twice: by dotted version vectors, and by sets of events that forget nothing. */
export class History {
  readonly replicas: Replica[];
  readonly clients: Client[];
  readonly events = new Map<string, Event>();
  readonly stamps = new Map<string, HlcStamp>();
  readonly #lww: boolean;

  constructor(lww = false) {
    this.#lww = lww;
    this.replicas = [0, 1, 2].map((i) => ({ object: undefined, known: new Set(), given: 0, clockMs: 1000 - i * 400 }));
    this.clients = [0, 1, 2].map(() => ({ context: undefined, seen: new Set() }));
  }

  run(steps: readonly Step[]): this {
    for (const step of steps) {
      if (step.do === 'put') this.#put(step.at, step.by, step.blind);
      else if (step.do === 'get') this.get(step.at, step.by);
      else this.sync(step.from, step.to);
    }
    return this;
  }

  #put(at: number, by: number, blind: boolean): void {
    const replica = this.replicas[at]!;
    const client = this.clients[by]!;
    const context = blind ? undefined : client.context;
    const seen = blind ? new Set<string>() : client.seen;
    const dot: Dot = { actor: `r${at}`, counter: ++replica.given };
    const name = formatDot(dot);
    const siblingStamps = (replica.object?.siblings ?? []).map((sibling) => sibling.stamp);
    const stamp = this.#lww ? nextStamp(undefined, replica.clockMs++, context?.stamp, ...siblingStamps) : undefined;
    if (stamp !== undefined) this.stamps.set(name, stamp);
    replica.object = updateObject(replica.object, context, dot, { value: bytesOf(name), contentType: '', stamp });
    this.events.set(name, { name, seen });
    for (const one of [...seen, name]) replica.known.add(one);
    client.context = contextAfterPut(context, dot, stamp);
    client.seen = new Set([...seen, name]);
  }

  get(at: number, by: number): void {
    const { object, known } = this.replicas[at]!;
    if (object === undefined) return;
    this.clients[by] = { context: contextOf(object), seen: new Set(known) };
  }

  sync(from: number, to: number): void {
    const [source, target] = [this.replicas[from]!, this.replicas[to]!];
    if (source.object === undefined) return;
    target.object = target.object === undefined ? source.object : mergeObjects(target.object, source.object);
    for (const name of source.known) target.known.add(name);
  }

  /** What the model says the replica must show: writes that no other known write had seen. */
  expected(at: number): string[] {
    const { known } = this.replicas[at]!;
    const overwritten = new Set([...known].flatMap((name) => [...this.events.get(name)!.seen]));
    return [...known].filter((name) => !overwritten.has(name)).sort();
  }

  shown(at: number): string[] {
    return (this.replicas[at]!.object?.siblings ?? []).map((sibling) => nameOf(sibling.value)).sort();
  }
}
