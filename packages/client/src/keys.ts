import { keys as keysContract } from '@ringfort/coordinator/contract';
import { ClientClosedError, errorOf, InvalidArgumentError, judgeFailure, RingfortError } from './errors.ts';
import type { Router } from './router.ts';

export interface KeysOptions {
  /** Keys per request, 1 to 1,000. Default 250. */
  readonly pageSize?: number;
  /** Deadline of each page in milliseconds; default: the client's. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Pages of keys from any node; a page that fails on its way is asked for again, of whichever node takes it. */
export async function* listKeys(router: Router, bucket: string, options: KeysOptions): AsyncIterableIterator<string> {
  const { pageSize = 250 } = options;
  if (!(Number.isInteger(pageSize) && pageSize >= 1 && pageSize <= 1000))
    throw new InvalidArgumentError(`pageSize is a whole number from 1 to 1000, not ${pageSize}`);
  let cursor: string | undefined;
  do {
    const page = await askPage(
      router,
      { bucket, limit: pageSize, ...(cursor === undefined ? {} : { cursor }) },
      options,
    );
    yield* page.keys;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

async function askPage(
  router: Router,
  body: { bucket: string; limit: number; cursor?: string },
  { timeoutMs = router.settings.timeoutMs, signal }: KeysOptions,
): Promise<{ keys: string[]; cursor?: string | undefined }> {
  const deadlineMs = router.clock.monotonicMs() + timeoutMs;
  for (let attempt = 1; ; attempt++) {
    if (router.mode === 'closed') throw new ClientClosedError();
    const remainingMs = deadlineMs - router.clock.monotonicMs();
    const result = await ask(
      router,
      body,
      signal === undefined ? { timeoutMs: remainingMs } : { timeoutMs: remainingMs, signal },
    );
    if (!(result instanceof RingfortError)) return result;
    if (attempt >= router.settings.maxAttempts || !judgeFailure(result.cause as never).elsewhere) throw result;
  }
}

function ask(
  router: Router,
  body: { bucket: string; limit: number; cursor?: string },
  options: { timeoutMs: number; signal?: AbortSignal },
): Promise<{ keys: string[]; cursor?: string | undefined } | RingfortError> {
  return new Promise((resolve) => {
    router.bus.call('kv.keys', keysContract, body, options, (error, reply) => {
      resolve(error === undefined ? reply! : errorOf(error));
    });
  });
}
