import { crc32 } from 'node:zlib';
import {
  type Context,
  contextFromText,
  contextToText,
  decodeContext,
  decodeObject,
  encodeContext,
  encodeObject,
  joinContexts,
  makeContext,
  mergeObjects,
  replaces,
  type Sibling,
  type VersionedObject,
  vectorEntryOf,
} from '@ringfort/versioning';
import { decodeRecord, encodeRecord } from '../../membership/src/history-core.ts';
import { hash64 } from '../../storage/src/hash.ts';
import { decodeHint, encodeHint } from '../../storage/src/hint-codec.ts';
import { RecordView } from '../../storage/src/record-codec.ts';
import type { SeededRandom } from '../src/index.ts';
import { check, type Edge, judged } from './edge.ts';
import { mutated } from './mutate.ts';
import { drawRecord } from './samples.ts';

const actors = ['a', '00000000000000ff-1z', '0123456789abcdef-0', 'fedcba9876543210-zz', 'é'];
const id = { partition: 7, bucket: 'b', key: 'k' };
const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** A context as histories leave them: runs, gaps, sometimes a stamp. */
export function drawContext(random: SeededRandom): Context {
  const dots = Array.from({ length: random.below(12) }, (): [string, number[]] => [
    random.pick(actors),
    [1 + random.below(random.chance(0.1) ? 2 ** 31 : 9)],
  ]);
  const vector = Array.from({ length: random.below(3) }, (): [string, number] => [
    random.pick(actors),
    1 + random.below(300),
  ]);
  const context = makeContext(vector, dots);
  if (random.chance(0.7)) return context;
  return { ...context, stamp: { wallMs: random.below(2 ** 32) * 512, logical: random.below(300) } };
}

function drawObject(random: SeededRandom): VersionedObject {
  const siblings = new Map<string, Sibling>();
  for (let count = random.below(4); count > 0; count -= 1) {
    const dot = { actor: random.pick(actors), counter: 1 + random.below(9) };
    const value = random.chance(0.2) ? undefined : random.bytes(random.below(120));
    const sibling = { dot, value, contentType: random.pick(['text/plain', '', 'application/json; charset=ü']) };
    const stamp = { wallMs: random.below(2 ** 32), logical: random.below(9) };
    const more = random.pick([{}, {}, { expiresAtMs: random.below(2 ** 32) }, { stamp }]);
    siblings.set(`${dot.actor}:${dot.counter}`, { ...sibling, ...more });
  }
  const { vector, cloud } = drawContext(random);
  const own = [...siblings.values()];
  const order = (a: Sibling, b: Sibling) =>
    a.dot.actor === b.dot.actor ? a.dot.counter - b.dot.counter : a.dot.actor < b.dot.actor ? -1 : 1;
  const dots = own.map(({ dot }): [string, number[]] => [dot.actor, [dot.counter]]);
  return { siblings: own.sort(order), clock: makeContext(vector, [...cloud, ...dots] as [string, number[]][]) };
}

const hasOneStamp = ({ siblings }: VersionedObject): boolean =>
  siblings.filter(({ stamp }) => stamp !== undefined).length <= 1;

/** Whether one dot stands for two things, which versioners rule out (S4): what merging makes of that depends on the order. */
function hasTwoValues(a: VersionedObject, b: VersionedObject): boolean {
  const payloadOf = ({ dot, value, ...rest }: Sibling) =>
    `${JSON.stringify(rest)}${value && Buffer.from(value).toString('hex')}`;
  return a.siblings.some((one) =>
    b.siblings.some(
      (other) =>
        one.dot.actor === other.dot.actor &&
        one.dot.counter === other.dot.counter &&
        payloadOf(one) !== payloadOf(other),
    ),
  );
}

/** With a checksum that is right, so that what is behind it is read. */
function sealed(bytes: Buffer): Buffer {
  const body = bytes.subarray(0, Math.max(0, bytes.length - 4));
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(body));
  return Buffer.concat([body, sum]);
}

/** The length that a context tells of itself, made right where it fits in one byte. */
function measured(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.length > 6 && copy.length < 134) copy[1] = copy.length - 6;
  return copy;
}

/** Contexts of clients, as bytes and as text: refused by name, or exactly what a node hands out. */
export const contextEdge: Edge = {
  name: 'context',
  share: 16,
  make(random) {
    const draw = () => Buffer.from(encodeContext(drawContext(random)));
    let bytes = mutated(random, draw(), draw());
    if (random.chance(0.6)) bytes = sealed(measured(bytes));
    if (random.chance(0.7)) return { to: 'bytes', parts: [bytes] };
    const text = Buffer.from(bytes.toString('base64url'));
    return { to: 'text', parts: [random.chance(0.5) ? text : mutated(random, text, text)] };
  },
  feed({ to, parts: [bytes] }) {
    const text = to === 'text' ? bytes!.toString() : undefined;
    const read = judged(['INVALID_CONTEXT'], () =>
      text === undefined ? decodeContext(bytes!) : contextFromText(text),
    );
    if ('code' in read) return read.code;
    const { value } = read;
    if (text === undefined) check(isSame(encodeContext(value), bytes!), 'an accepted context has two encodings');
    else check(contextToText(value) === text, 'an accepted context has two texts');
    check(isSame(encodeContext(joinContexts(value, value)), encodeContext(value)), 'joined with itself it changes');
    return 'accepted';
  },
};

/** Objects that replicas send each other. */
export const objectEdge: Edge = {
  name: 'object',
  share: 16,
  make(random) {
    const draw = () => Buffer.from(encodeObject(drawObject(random)));
    const older = draw();
    return { to: 'object', parts: [mutated(random, draw(), older), older] };
  },
  feed({ parts: [bytes, older] }) {
    const before = decodeObject(older!);
    const isWhole = replaces(bytes!, older!);
    const read = judged(['CORRUPT_OBJECT'], () => decodeObject(bytes!));
    if ('code' in read) {
      check(!isWhole, 'it is taken for a whole encoding undecoded');
      return read.code;
    }
    const { value } = read;
    check(isSame(encodeObject(value), bytes!), 'an accepted object has two encodings');
    const [one, other] = [mergeObjects(before, value), mergeObjects(value, before)].map(encodeObject);
    const isSound = hasOneStamp(before) && hasOneStamp(value) && !hasTwoValues(before, value);
    check(!isSound || isSame(one!, other!), 'merging depends on the order');
    if (!isWhole) return 'accepted';
    check(isSame(one!, bytes!), 'it is taken to replace what it does not replace');
    for (const [actor, counter] of value.clock.vector)
      check(vectorEntryOf(bytes!, actor) === counter, 'a vector entry is another one undecoded');
    return 'replaces';
  },
};

/** Records as they lie on disk: what is damaged is told, never read as something else. */
export const recordEdge: Edge = {
  name: 'record',
  share: 8,
  make(random) {
    const object = () => Buffer.from(encodeObject(drawObject(random)));
    const stored = (bytes: Buffer) =>
      Buffer.from(RecordView.make(bytes, hash64(bytes), random.pick([undefined, actors[1]!]), id).stored);
    if (random.chance(0.3)) return { to: 'record', parts: [stored(mutated(random, object(), object()))] };
    const record = stored(object());
    if (random.chance(0.7)) return { to: 'record', parts: [mutated(random, record, stored(object()))] };
    const owed = new Map([
      ['n1', { takenMs: 17 }],
      ['n2', { takenMs: 18 }],
    ]);
    return { to: 'hint', parts: [mutated(random, Buffer.from(encodeHint({ owed, record })), record)] };
  },
  feed({ to, parts }) {
    let bytes: Uint8Array = parts[0]!;
    if (to === 'hint') {
      const hint = decodeHint(bytes);
      if (hint === undefined) return 'no hint';
      bytes = hint.record;
    }
    const read = judged(['CORRUPT_RECORD'], () => {
      const record = RecordView.read(bytes, id);
      return { record, object: record.object };
    });
    if ('code' in read) return read.code;
    check(isSame(read.value.record.stored, bytes), 'an accepted record is not what was read');
    check(isSame(encodeObject(read.value.object), read.value.record.bytes), 'its object has two encodings');
    return 'accepted';
  },
};

/** Records of the membership history as the log holds them. */
export const historyEdge: Edge = {
  name: 'history',
  share: 4,
  make(random) {
    const draw = () => Buffer.from(encodeRecord(drawRecord(random)));
    return { to: 'record', parts: [mutated(random, draw(), draw())] };
  },
  feed({ parts: [bytes] }) {
    const read = judged(['HISTORY_CORRUPT'], () => decodeRecord(bytes!, 0));
    if ('code' in read) return read.code;
    check(
      isSame(encodeRecord(read.value), encodeRecord(decodeRecord(encodeRecord(read.value), 0))),
      'it does not last',
    );
    return 'accepted';
  },
};
