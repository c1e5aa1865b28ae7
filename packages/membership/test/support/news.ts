import { answerDigest, askOf } from '../../src/gossip-core.ts';
import { gossip } from '../../src/index.ts';
import type { PeerNews } from '../../src/peer-news.ts';
import { namesOf } from '../../src/roster-core.ts';
import { unpackStamps } from '../../src/stamps-core.ts';
import type { wire } from './wire.ts';

const version = { size: 123_456, digest: 'f'.repeat(16) };

/** One exchange as two nodes have it. @returns of how many names it told. */
export async function exchange(
  { ask }: ReturnType<typeof wire>,
  asker: PeerNews,
  other: PeerNews,
  naming: { start: number } | { ids: readonly string[] },
): Promise<number> {
  const place = 'start' in naming ? { roster: asker.roster, start: naming.start } : naming;
  const { names, ...question } = askOf({ self: asker.ownProfile(), table: asker.table(), ...place });
  const reply = await ask(gossip, { version, ...question }, ({ self, about, stamps }) => {
    const meant = namesOf(about, other.roster);
    const told = unpackStamps(stamps) ?? [];
    other.hearProfiles([self]);
    other.hearStamps(meant, told);
    return { version, roster: other.roster.id, ...answerDigest(other.table(), meant, told) };
  });
  asker.hearProfiles(reply.profiles);
  asker.hearStamps(names, unpackStamps(reply.stamps) ?? []);
  return names.length;
}
