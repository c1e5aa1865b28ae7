import { InvalidArgumentError, SiblingsError, UpdateConflictError } from './errors.ts';
import type { Context, GetOptions, GetResult, PutResult, WriteOptions } from './requests.ts';

export interface UpdateOptions extends Omit<GetOptions & WriteOptions, 'context'> {
  /** Writes at most. Default 5. */
  readonly attempts?: number;
}

/** What the loop needs of a bucket. */
interface ReadsAndWrites<T> {
  get(key: string, options: GetOptions): Promise<GetResult<T>>;
  put(key: string, value: T, options: WriteOptions): Promise<PutResult>;
}

/**
 * The loop behind `Bucket.update`. The first write carries the caller's change. Where the reply tells of a concurrent write, the
 * change is one of the siblings already: what is missing is the merge, so the following rounds write `resolve` of what they read.
 */
export async function updateKey<T>(
  bucket: ReadsAndWrites<T>,
  key: string,
  change: (value: T | undefined) => T | undefined,
  { attempts = 5, ...options }: UpdateOptions,
): Promise<T | undefined> {
  if (!(Number.isInteger(attempts) && attempts >= 1))
    throw new InvalidArgumentError('attempts is a whole number from 1');
  const before = await bucket.get(key, options);
  let value = change(before.value);
  if (value === undefined) return before.value;
  let written = await write(bucket, key, value, before.context, options);
  for (let attempt = 1; written.siblings > 1; attempt++) {
    const read = await bucket.get(key, options);
    // Merged by somebody else in the meantime, with this write among what they saw.
    if (read.siblings.length < 2) return read.value;
    if (attempt >= attempts) throw new UpdateConflictError(key, attempts);
    value = merged(read);
    written = await write(bucket, key, value, read.context, options);
  }
  return value;
}

function write<T>(
  bucket: ReadsAndWrites<T>,
  key: string,
  value: T,
  context: Context | undefined,
  options: Omit<UpdateOptions, 'attempts'>,
): Promise<PutResult> {
  return bucket.put(key, value, { ...options, context });
}

function merged<T>(read: { readonly value: T | undefined; readonly siblings: readonly T[] }): T {
  try {
    return read.value as T;
  } catch (error) {
    if (error instanceof SiblingsError) throw new SiblingsError(read.siblings.length, { written: true });
    throw error;
  }
}
