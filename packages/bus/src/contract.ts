import { z } from 'zod';
import { InvalidArgumentError } from './errors.ts';
import type { Contract } from './port.ts';

/** The protocol that this code speaks, and the one before it, which it understands and answers in. */
export const PROTOCOL_VERSION = 3;
export const PREVIOUS_PROTOCOL_VERSION = 2;
export const SPOKEN_VERSIONS: readonly number[] = [PREVIOUS_PROTOCOL_VERSION, PROTOCOL_VERSION];
/** Since this version the fields of a body travel by position, and answers carry nothing that only requests need. */
export const POSITIONAL_SINCE = 3;

/** The longest verb, in ASCII characters. */
export const MAX_VERB_LENGTH = 64;

/** Bus identities: `node.<id>`, `client.<id>`. */
export const identitySchema = z
  .string()
  .regex(/^(node|client)\.[A-Za-z0-9_-]{1,64}$/, 'an identity is node.<id> or client.<id>');
export const clusterNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'a cluster name is 1 to 64 letters, digits, "-" or "_"');
export const addressSchema = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/, 'an address is tokens of letters, digits, "-" or "_" joined by dots');
export const verbSchema = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,64}$/, 'a verb is 1 to 64 letters, digits, ".", "-" or "_"');

/** The body of an error message: `[code, message, details]`. */
export const wireErrorSchema = z.tuple([
  z.string().min(1).max(64),
  z.string().max(1024),
  z.record(z.string(), z.unknown()).nullish(),
]);

/**
 * Names a verb and the two schemas that guard it.
 *
 * ```ts
 * const ping = defineContract({ verb: 'ping', request: z.object({ n: z.int() }), reply: z.object({ n: z.int() }) });
 * ```
 * @throws InvalidArgumentError for a verb that cannot travel.
 */
export function defineContract<Q, R = undefined>(contract: {
  verb: string;
  request: z.ZodType<Q>;
  reply?: z.ZodType<R>;
}): Contract<Q, R> {
  const verb = verbSchema.safeParse(contract.verb);
  if (!verb.success)
    throw new InvalidArgumentError(`${JSON.stringify(contract.verb)}: ${verb.error.issues[0]?.message}`);
  const reply = contract.reply ?? (z.undefined() as unknown as z.ZodType<R>);
  return Object.freeze({ verb: contract.verb, request: contract.request, reply });
}
