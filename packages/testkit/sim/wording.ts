import type { DeleteRequest, GetReply, GetRequest, PutRequest, WriteReply } from '@ringfort/coordinator/contract';
import type { compareRequestSchema, gossipReplySchema, gossipRequestSchema } from '@ringfort/membership/contract';
import type {
  ReplicaReadReply,
  ReplicaReadRequest,
  ReplicaVerifyReply,
  ReplicaVerifyRequest,
  ReplicaWriteReply,
  ReplicaWriteRequest,
} from '@ringfort/storage/contract';
import {
  type Context,
  type Dot,
  decodeContext,
  decodeObject,
  InvalidContextError,
  parseDot,
  type VersionedObject,
} from '@ringfort/versioning';
import type { z } from 'zod';
// What travels is read with the part that the membership itself reads it with: it exports none of them.
import { unpackStamps } from '../../membership/src/stamps-core.ts';
import type { ActorNames } from './actor-names.ts';
import type { SeenMessage } from './event-log.ts';

type GossipRequest = z.infer<typeof gossipRequestSchema>;
type GossipReply = z.infer<typeof gossipReplySchema>;

const MAX_VALUE_CHARS = 24;

/** Messages, objects and contexts in words: dots by the names of those who gave them, in an order that does not depend on their random ids. */
export class Wording {
  readonly #names: ActorNames;
  /** How nodes are called. */
  readonly #nodeName: (node: string) => string;

  constructor(names: ActorNames, nodeName: (node: string) => string = (node) => node) {
    this.#names = names;
    this.#nodeName = nodeName;
  }

  dot({ actor, counter }: Dot, node: string): string {
    return `${this.#actor(actor, node)}:${counter}`;
  }

  /** `[n1:1..3 n2:5]`: n1's first three dots, and n2's fifth without those before. */
  context({ vector, cloud, stamp }: Context, node: string): string {
    const ranges = [...vector].map(([actor, upTo]) => `${this.#actor(actor, node)}:${upTo > 1 ? '1..' : ''}${upTo}`);
    const detached = [...cloud].flatMap(([actor, counters]) =>
      counters.map((counter) => this.dot({ actor, counter }, node)),
    );
    return `[${[...ranges, ...detached].sort().join(' ')}${stamp === undefined ? '' : ' and a stamp'}]`;
  }

  /** `{n1:1=milk, n2:1=eggs}`, and what else it has seen. */
  object({ siblings, clock }: VersionedObject, node: string): string {
    const shown = siblings.map(
      ({ dot, value }) => `${this.dot(dot, node)}${value ? `=${valueText(value)}` : ' deleted'}`,
    );
    const seen = this.context(clock, node);
    const own = `[${siblings
      .map(({ dot }) => this.dot(dot, node))
      .sort()
      .join(' ')}]`;
    return `{${shown.sort().join(', ')}${seen === own ? '' : ` | seen ${seen}`}}`;
  }

  /** What the message says; whose it is can be seen elsewhere. */
  message(message: SeenMessage): string {
    const { kind, verb, body, from } = message;
    if (kind === 'error') return `error ${(body as { code: string }).code}`;
    const wording = this.#wordings[verb];
    if (wording === undefined) return kind === 'reply' ? `${verb}: answer` : verb;
    return kind === 'reply'
      ? wording.reply(body as never, from, message.asked as never)
      : wording.request(body as never, from);
  }

  readonly #wordings: Readonly<Record<string, VerbWording>> = {
    get: {
      request: ({ key, ...more }: GetRequest) => `get ${key}${settings(more)}`,
      reply: ({ siblings, context }: GetReply, node) => {
        const values = siblings.map(({ dot, value }) => `${this.dot(parseDot(dot), node)}=${valueText(value)}`).sort();
        return `values: ${values.join(', ') || 'none'}; context ${this.#encoded(context, node)}`;
      },
    },
    put: {
      request: ({ key, value, context, ...more }: PutRequest, node) =>
        `put ${key}=${valueText(value)} ${this.#given(context, node)}${settings(more)}`,
      reply: (reply: WriteReply, node) => this.#written(reply, node),
    },
    delete: {
      request: ({ key, context, ...more }: DeleteRequest, node) =>
        `delete ${key} ${this.#given(context, node)}${settings(more)}`,
      reply: (reply: WriteReply, node) => this.#written(reply, node),
    },
    'replica.write': {
      request: ({ key, object, owedTo, sync }: ReplicaWriteRequest, node) => {
        const owed = owedTo === undefined ? '' : ` owed to ${owedTo.map(this.#nodeName).sort().join(' ')}`;
        return `write ${key} ${this.#bytes(object, node)}${owed}${sync ? ' to disk' : ''}`;
      },
      reply: ({ durable, merged }: ReplicaWriteReply, node) =>
        `${durable ? 'on disk' : 'in memory'}${merged === undefined ? '' : `, merged ${this.#bytes(merged, node)}`}`,
    },
    'replica.read': {
      request: ({ key, have, standIn }: ReplicaReadRequest) =>
        `read ${key}${standIn ? ' as stand-in' : ''}${have === undefined ? '' : ' unless it is the same'}`,
      reply: ({ digest, object }: ReplicaReadReply, node) => {
        if (object !== undefined) return `holds ${this.#bytes(object, node)}`;
        return digest === undefined ? 'holds nothing' : 'holds the same';
      },
    },
    'replica.verify': {
      request: ({ items }: ReplicaVerifyRequest) => `verify ${items.map(({ key }) => key).join(' ')}`,
      reply: ({ stale }: ReplicaVerifyReply, _node, { items }: ReplicaVerifyRequest) =>
        stale.length === 0 ? 'holds the same' : `holds another ${stale.map((at) => items[at]?.key).join(' ')}`,
    },
    'node.up': { request: ({ node }: { node: string }) => `${this.#nodeName(node)} is up`, reply: () => '' },
    'node.down': { request: ({ node }: { node: string }) => `${this.#nodeName(node)} is down`, reply: () => '' },
    'node.suspected': {
      request: ({ suspects }: { suspects: { node: string }[] }) =>
        `suspected: ${suspects.map(({ node }) => this.#nodeName(node)).join(' ')}`,
      reply: () => '',
    },
    ping: {
      request: ({ suspected }: { suspected?: number }) =>
        suspected === undefined ? 'ping' : 'ping: you are suspected',
      reply: () => 'ping: here',
    },
    'ping.indirect': {
      request: ({ node }: { node: string }) => `ping ${this.#nodeName(node)} for me`,
      reply: ({ beat }: { beat?: object }) => (beat === undefined ? 'it does not answer' : 'it answers'),
    },
    'records.push': {
      request: ({ records }: { records: { kind: string }[] }) =>
        `records: ${records.map(({ kind }) => kind).join(' ')}`,
      reply: () => 'records taken',
    },
    'gossip.digest': {
      request: ({ about: { ids, count = 0 } }: GossipRequest) =>
        `digest: ${ids === undefined ? `${count} members` : ids.map(this.#nodeName).join(' ')}`,
      reply: ({ stamps, profiles }: GossipReply) => {
        const told = profiles.map(
          ({ node, info }) => `${this.#nodeName(node)}${info === undefined ? '' : ' with info'}`,
        );
        return `deltas: ${unpackStamps(stamps)?.length ?? 0} heartbeats${told.length === 0 ? '' : `, all of ${told.join(', ')}`}`;
      },
    },
    'history.compare': comparison,
  };

  #actor(actor: string, node: string): string {
    return this.#names.of(actor, this.#nodeName(node));
  }

  #written({ context, siblings }: WriteReply, node: string): string {
    return `done, ${siblings} ${siblings === 1 ? 'value' : 'values'} now; context ${this.#encoded(context, node)}`;
  }

  #given(context: Uint8Array | undefined, node: string): string {
    return context === undefined ? 'blind' : `over ${this.#encoded(context, node)}`;
  }

  #encoded(context: Uint8Array | undefined, node: string): string {
    if (context === undefined) return 'none';
    try {
      return this.context(decodeContext(context), node);
    } catch (error) {
      if (error instanceof InvalidContextError) return '(damaged)';
      throw error;
    }
  }

  #bytes(object: Uint8Array, node: string): string {
    return this.object(decodeObject(object), node);
  }
}

/** Question and answer have the same form; they say what they have to say, or that there is nothing left. */
const comparison: VerbWording = { request: comparisonText, reply: comparisonText };

function comparisonText({ parts, lists, wants, records }: z.infer<typeof compareRequestSchema>): string {
  const listed = lists.reduce((sum, { hashes }) => sum + hashes.length, 0);
  const said = [
    ...(parts.length > 0 ? [`${parts.length} parts`] : []),
    ...(lists.length > 0 ? [`holds ${listed} records`] : []),
    ...(wants.length > 0 ? [`wants ${wants.length}`] : []),
    ...(records.length > 0 ? [`records: ${records.map(({ kind }) => kind).join(' ')}`] : []),
  ];
  return `compare: ${said.join(', ') || 'nothing more'}`;
}

interface VerbWording {
  request(body: never, node: string): string;
  reply(body: never, node: string, asked: never): string;
}

/** What a request asks for by itself. */
function settings(more: Readonly<Record<string, unknown>>): string {
  return ['r', 'w', 'dw', 'sloppy', 'hops']
    .filter((name) => more[name] !== undefined)
    .map((name) => ` ${name}=${String(more[name])}`)
    .join('');
}

export function valueText(value: Uint8Array): string {
  const text = Buffer.from(value).toString();
  return text.length > MAX_VALUE_CHARS ? `${text.slice(0, MAX_VALUE_CHARS)}...` : text;
}
