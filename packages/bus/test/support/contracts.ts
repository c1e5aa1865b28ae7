import { defineContract } from '@ringfort/bus';
import { z } from 'zod';

export const double = defineContract({ verb: 'double', request: z.int(), reply: z.int() });
export const echo = defineContract({
  verb: 'echo',
  request: z.object({ bytes: z.instanceof(Uint8Array) }),
  reply: z.object({ bytes: z.instanceof(Uint8Array) }),
});
export const fail = defineContract({ verb: 'fail', request: z.string(), reply: z.undefined() });
export const hang = defineContract({ verb: 'hang', request: z.int(), reply: z.int() });
export const happened = defineContract({ verb: 'happened', request: z.object({ n: z.int() }) });
export const locate = defineContract({
  verb: 'locate',
  request: z.object({ key: z.string(), far: z.boolean().optional(), note: z.string().nullable().optional() }),
  reply: z.object({ places: z.array(z.object({ node: z.string(), rank: z.int() })) }),
});
