import * as contract from '@ringfort/coordinator/contract';
import { bucketNameSchema } from '@ringfort/ring';
import { type Codec, decodeValue, encodeValue } from './codecs.ts';
import { InvalidArgumentError, KeyTooLongError, SiblingsError } from './errors.ts';
import { type KeysOptions, listKeys } from './keys.ts';
import { type Answer, type Kind, Operation, type Routed } from './operation.ts';
import type {
  BucketOptions,
  Context,
  DeleteOptions,
  GetOptions,
  GetResult,
  PutResult,
  RequestOptions,
  WriteOptions,
} from './requests.ts';
import type { Router } from './router.ts';
import { type UpdateOptions, updateKey } from './update.ts';

/** What the parts of a client share. */
export interface Session {
  readonly router: Router;
  readonly id: string;
  /** The number of the next write. */
  nextSeq(): number;
}

const maxKeyBytes = 1024;
const noOptions: GetOptions & DeleteOptions = {};

/**
 * In memory of its own: what the bus decodes are views of all that came in with it, and an application keeps the contexts of many keys, each
 * of which would hold on to a few dozen kilobytes.
 */
const contextOf = (received: Uint8Array): Context => new Uint8Array(received);
const resultOf = ({ context, siblings }: contract.WriteReply): PutResult => ({ context: contextOf(context), siblings });
const puts: Kind<contract.PutRequest, contract.WriteReply, PutResult> = {
  contract: contract.put,
  access: 'write',
  resultOf,
};
const deletes: Kind<contract.DeleteRequest, contract.WriteReply, PutResult> = {
  contract: contract.remove,
  access: 'write',
  resultOf,
};

/** Typed values under keys of one bucket. Cheap; holds no state of its own. */
export class Bucket<T> {
  readonly name: string;
  readonly #session: Session;
  readonly #codec: Codec<T>;
  readonly #resolve: BucketOptions<T>['resolve'];
  readonly #gets: Kind<contract.GetRequest, contract.GetReply, GetResult<T>>;

  /** Made by {@link Db.bucket}. */
  constructor(session: Session, name: string, options: BucketOptions<T>) {
    const parsed = bucketNameSchema.safeParse(name);
    if (!parsed.success)
      throw new InvalidArgumentError(`bucket ${JSON.stringify(name)}: ${parsed.error.issues[0]?.message}`);
    this.name = name;
    this.#session = session;
    this.#codec = options.codec;
    this.#resolve = options.resolve;
    this.#gets = { contract: contract.get, access: 'read', resultOf: (reply) => this.#result(reply) };
  }

  /** Reads all concurrent values of the key. */
  get(key: string, options: GetOptions = noOptions): Promise<GetResult<T>> {
    return new Promise((resolve, reject) => {
      const body: contract.GetRequest = { bucket: this.name, key: checkKey(key) };
      if (options.r !== undefined) body.r = options.r;
      this.#start(this.#gets, body, options, resolve, reject);
    });
  }

  /** Writes the value over what `context` covers. Without a context it becomes a sibling of whatever is there. */
  put(key: string, value: T, options: WriteOptions = noOptions): Promise<PutResult> {
    return new Promise((resolve, reject) => {
      const codec = this.#codec;
      const session = this.#session;
      const body: contract.PutRequest = {
        bucket: this.name,
        key: checkKey(key),
        value: encodeValue(codec, value),
        contentType: codec.contentType,
        session: session.id,
        seq: session.nextSeq(),
      };
      setWriteOptions(body, options);
      this.#start(puts, body, options, resolve, reject);
    });
  }

  /** Deletes what `context` covers; a concurrent write survives. Without a context: what a read of R returns. */
  delete(key: string, options: DeleteOptions = noOptions): Promise<PutResult> {
    return new Promise((resolve, reject) => {
      const session = this.#session;
      const body: contract.DeleteRequest = {
        bucket: this.name,
        key: checkKey(key),
        session: session.id,
        seq: session.nextSeq(),
      };
      setWriteOptions(body, options);
      if (options.r !== undefined) body.r = options.r;
      this.#start(deletes, body, options, resolve, reject);
    });
  }

  /**
   * Reads, merges siblings, calls `change`, writes; and while the write meets a concurrent one, reads and merges again, with the bucket's
   * `resolve`. `change` is called once per try of the first write, never on a value that holds its own effect already; when it returns
   * undefined nothing is written. Throws `SIBLINGS` where there is no `resolve`, `UPDATE_CONFLICT` past `attempts` (default 5).
   */
  update(
    key: string,
    change: (value: T | undefined) => T | undefined,
    options: UpdateOptions = {},
  ): Promise<T | undefined> {
    return updateKey(this, key, change, options);
  }

  /** The keys that have a live value, page by page, in no particular order. A key written meanwhile may or may not be among them. */
  keys(options: KeysOptions = {}): AsyncIterableIterator<string> {
    return listKeys(this.#session.router, this.name, options);
  }

  #result({ siblings, context }: contract.GetReply): GetResult<T> {
    const codec = this.#codec;
    const values = siblings.map((one) => decodeValue(codec, one.value, one.contentType));
    return new Read(values, context && contextOf(context), this.#resolve);
  }

  #start<Q extends Routed, R extends Answer, Result>(
    kind: Kind<Q, R, Result>,
    body: Q,
    { timeoutMs, signal, sloppy }: RequestOptions,
    resolve: (result: Result) => void,
    reject: (error: unknown) => void,
  ): void {
    const { router } = this.#session;
    if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs < 2 ** 31))
      throw new InvalidArgumentError(`timeoutMs is a number of milliseconds above 0, not ${timeoutMs}`);
    if (sloppy !== undefined) body.sloppy = sloppy;
    const request = { kind, body, timeoutMs: timeoutMs ?? router.settings.timeoutMs, signal };
    new Operation(router, request, resolve, reject).start();
  }
}

class Read<T> implements GetResult<T> {
  readonly siblings: readonly T[];
  readonly context: Context | undefined;
  readonly #resolve: BucketOptions<T>['resolve'];

  constructor(siblings: readonly T[], context: Context | undefined, resolve: BucketOptions<T>['resolve']) {
    this.siblings = siblings;
    this.context = context;
    this.#resolve = resolve;
  }

  get value(): T | undefined {
    const { siblings } = this;
    if (siblings.length < 2) return siblings[0];
    if (this.#resolve === undefined) throw new SiblingsError(siblings.length);
    return this.#resolve(siblings);
  }
}

function setWriteOptions(body: contract.PutRequest | contract.DeleteRequest, options: WriteOptions): void {
  if (options.context !== undefined) body.context = options.context;
  if (options.w !== undefined) body.w = options.w;
  if (options.dw !== undefined) body.dw = options.dw;
}

function checkKey(key: string): string {
  if (typeof key !== 'string') throw new InvalidArgumentError(`a key is a string, not ${typeof key}`);
  const bytes = key.length > maxKeyBytes / 3 || key.length === 0 ? Buffer.byteLength(key) : 1;
  if (bytes === 0 || bytes > maxKeyBytes)
    throw new KeyTooLongError(`the key has ${bytes} bytes, at least 1 and at most ${maxKeyBytes} are allowed`, {
      bytes,
      maxBytes: maxKeyBytes,
      outcome: 'not-applied',
    });
  return key;
}
