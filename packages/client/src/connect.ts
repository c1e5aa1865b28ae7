import { type Bus, natsBus, systemClock, systemRandom } from '@ringfort/bus';
import { Bucket, type Session } from './bucket.ts';
import { type Codec, json } from './codecs.ts';
import { errorOf, InvalidArgumentError, RingfortError } from './errors.ts';
import { type ConnectOptions, type ServerOptions, settingsOf } from './options.ts';
import type { BucketOptions } from './requests.ts';
import { type ClusterView, Router } from './router.ts';

/** A connection to a cluster. */
export interface Db {
  /** The id under which this client's writes are numbered. */
  readonly id: string;
  /** A bucket of JSON values. */
  bucket<T = unknown>(name: string, options?: { codec?: undefined; resolve?: BucketOptions<T>['resolve'] }): Bucket<T>;
  /** A bucket of values of the codec's type. */
  bucket<T>(name: string, options: { codec: Codec<T>; resolve?: BucketOptions<T>['resolve'] }): Bucket<T>;
  /** What the client knows of the cluster now. */
  view(): ClusterView;
  /** Ends everything the client does by itself, and its connection where it made it. Idempotent. */
  close(): Promise<void>;
}

/**
 * Connects. Resolves when the client knows the ring, or when nobody could tell it within the deadline: it then asks any node, and keeps
 * looking for the ring. Rejects with `CONNECT_FAILED` when no NATS server accepts it.
 */
export async function connect(options: ConnectOptions): Promise<Db> {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? systemRandom;
  const bus = 'bus' in options ? options.bus : await connectBus(options);
  const router = new Router({ bus, clock, random, settings: settingsOf(options) });
  if (bus.status === 'connected') await router.firstAsked;
  let seq = 0;
  // A session is one life of a client: an id of its own keeps its numbers apart from those of a former one on the same bus.
  const session: Session = {
    router,
    id: Buffer.from(random.bytes(12)).toString('hex'),
    nextSeq: () => ++seq,
  };
  let closing: Promise<void> | undefined;
  const close = async () => {
    router.close();
    if (!('bus' in options)) await bus.close();
  };
  return {
    id: session.id,
    bucket: <T>(
      name: string,
      { codec, resolve }: { codec?: Codec<T> | undefined; resolve?: BucketOptions<T>['resolve'] } = {},
    ) => new Bucket<T>(session, name, { codec: codec ?? (json as Codec<T>), resolve }),
    view: () => router.view(),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

async function connectBus(options: ServerOptions): Promise<Bus> {
  const { servers, cluster = 'ringfort', clientId, auth, tls } = options;
  const random = options.random ?? systemRandom;
  if (clientId !== undefined && !/^[A-Za-z0-9_-]{1,32}$/.test(clientId))
    throw new InvalidArgumentError(`clientId is 1 to 32 letters, digits, "-" or "_", not ${JSON.stringify(clientId)}`);
  const self = `client.${clientId ?? Buffer.from(random.bytes(8)).toString('hex')}`;
  try {
    return await natsBus({ servers, cluster, self, auth, tls, random, clock: options.clock, failFast: true });
  } catch (cause) {
    const failure = cause as { code?: unknown; message: string };
    if (typeof failure.code !== 'string' || cause instanceof RingfortError) throw cause;
    throw errorOf(cause as Parameters<typeof errorOf>[0]);
  }
}
