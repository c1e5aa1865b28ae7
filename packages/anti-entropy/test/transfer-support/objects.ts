import { encodeObject, updateObject } from '@ringfort/versioning';

export const partition = 7;

/** A blind write of so many bytes, as it is stored. */
export function objectOf(actor: string, counter: number, size: number): Uint8Array {
  const value = new Uint8Array(size).fill(counter & 255);
  return encodeObject(updateObject(undefined, undefined, { actor, counter }, { value, contentType: 'text/plain' }));
}

export const idOf = (key: string) => ({ partition, bucket: 'carts', key });
