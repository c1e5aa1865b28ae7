import { InvalidArgumentError } from './errors.ts';
import { isU32 } from './frame-core.ts';

interface Schema {
  safeParse(value: unknown): { success: boolean; error?: { issues: readonly { message: string }[] } };
}

/** The value, when the schema takes it. @throws InvalidArgumentError that says what is wanted */
export function checked(schema: Schema, value: string): string {
  const parsed = schema.safeParse(value);
  if (parsed.success) return value;
  throw new InvalidArgumentError(`${JSON.stringify(value)}: ${parsed.error?.issues[0]?.message}`);
}

/** @throws InvalidArgumentError for a number that cannot travel */
export function checkU32(value: number, what: string): void {
  if (!isU32(value)) throw new InvalidArgumentError(`${what} is a whole number from 0 to 2^32 - 1, not ${value}`);
}
