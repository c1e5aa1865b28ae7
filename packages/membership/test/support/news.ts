import { BodyCodec } from '../../../bus/src/body-codec.ts';
import { answerDigest, askOf } from '../../src/gossip-core.ts';
import { gossip, gossipReplySchema, gossipRequestSchema } from '../../src/index.ts';
import type { PeerNews } from '../../src/peer-news.ts';
import { namesOf } from '../../src/roster-core.ts';
import { unpackStamps } from '../../src/stamps-core.ts';

const version = { size: 123_456, digest: 'f'.repeat(16) };
const codecs = { request: new BodyCodec(gossipRequestSchema), reply: new BodyCodec(gossipReplySchema) };

/** One exchange as two nodes have it, over the codec of the wire. @returns the bytes of question and answer, and how many names it told of. */
export function exchange(asker: PeerNews, other: PeerNews, naming: { start: number } | { ids: readonly string[] }) {
  const table = asker.table();
  const place = 'start' in naming ? { roster: asker.roster, start: naming.start } : naming;
  const ask = askOf({ self: asker.ownProfile(), table, ...place });
  const { self, about, stamps } = ask;
  const question = carried('request', { version, self, about, stamps });
  const names = namesOf(question.body.about, other.roster);
  const told = unpackStamps(question.body.stamps) ?? [];
  other.hearProfiles([question.body.self]);
  other.hearStamps(names, told);
  const deltas = answerDigest(other.table(), names, told);
  const answer = carried('reply', { version, roster: other.roster.id, ...deltas });
  asker.hearProfiles(answer.body.profiles);
  asker.hearStamps(ask.names, unpackStamps(answer.body.stamps) ?? []);
  return { bytes: [question.bytes, answer.bytes], told: ask.names.length };
}

function carried<K extends keyof typeof codecs>(kind: K, body: Parameters<(typeof gossip)[K]['parse']>[0]) {
  const { bytes, length } = codecs[kind].pack('a body', gossip.verb, 3, body);
  const copy = Buffer.from(bytes.subarray(0, length));
  const read = codecs[kind].read('a body', gossip.verb, 3, copy, 0, length);
  return { body: read as ReturnType<(typeof gossip)[K]['parse']>, bytes: length };
}
