import type { z } from 'zod';

/**
 * How a body travels, as told by its schema: an object of known fields as an array of their values in the order of the schema's shape, an
 * array element by element, and everything else (unions, records, scalars) as plain MessagePack.
 */
export type Plan = ObjectPlan | ArrayPlan | ValuePlan;

export interface ObjectPlan {
  readonly kind: 'object';
  readonly keys: readonly string[];
  readonly fields: readonly Plan[];
}

export interface ArrayPlan {
  readonly kind: 'array';
  readonly element: Plan;
}

export interface ValuePlan {
  readonly kind: 'value';
}

const VALUE: ValuePlan = { kind: 'value' };
/** Objects deeper than this travel as maps, so that schemas which hold themselves have a plan too. */
const MAX_DEPTH = 4;

/** What is read of a schema's definition; zod keeps it under `_zod.def`. */
interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly catchall?: z.ZodType;
}

/** The plan of a schema. Both sides derive it from the same contract; what arrives in another form is read as it is. */
export function planOf(schema: z.ZodType, depth = 0): Plan {
  const { type, innerType, element, shape, catchall } = schema._zod.def as Definition;
  if ((type === 'optional' || type === 'nullable') && innerType !== undefined) return planOf(innerType, depth);
  if (depth >= MAX_DEPTH) return VALUE;
  if (type === 'array' && element !== undefined) {
    const inner = planOf(element, depth + 1);
    return inner.kind === 'value' ? VALUE : { kind: 'array', element: inner };
  }
  // An object that takes keys beyond its shape, or refuses them, must see them.
  if (type !== 'object' || shape === undefined || catchall !== undefined) return VALUE;
  const keys = Object.keys(shape);
  if (keys.includes('__proto__')) return VALUE;
  return { kind: 'object', keys, fields: keys.map((key) => planOf(shape[key]!, depth + 1)) };
}
