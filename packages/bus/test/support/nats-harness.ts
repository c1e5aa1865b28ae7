import { connect, createInbox, type NatsConnection, RequestError } from '@nats-io/transport-node';
import { type CountedBus, natsBus } from '@ringfort/bus';
import { type NatsServer, startNatsServer } from '@ringfort/nats-server';
import { type BreakableHarness, briefClose, type Harness, type RawConnection } from './harness.ts';

async function rawConnection(connection: NatsConnection): Promise<RawConnection> {
  return {
    publish: (subject, payload, reply) => connection.publish(subject, payload, reply === undefined ? {} : { reply }),
    async subscribe(subject, onMessage) {
      connection.subscribe(subject, {
        callback: (_error, { subject: at, data, reply }) => onMessage({ subject: at, payload: data, reply }),
      });
      await connection.flush();
    },
  };
}

interface Parts {
  readonly cluster: string;
  /** The server that the next connection goes to. */
  readonly next: () => string;
  readonly stopServers: () => Promise<void>;
}

/** A harness whose buses go to `next` server. */
export function harnessOver(parts: Parts): Harness {
  const buses: CountedBus[] = [];
  const connections: NatsConnection[] = [];
  return {
    cluster: parts.cluster,
    async bus(self, extras) {
      const { cluster } = parts;
      const limits = { ...briefClose, ...extras?.limits };
      const bus = await natsBus({ servers: parts.next(), cluster, self, failFast: true, ...extras, limits });
      buses.push(bus);
      return bus;
    },
    async raw() {
      const connection = await connect({ servers: parts.next(), noEcho: true });
      connections.push(connection);
      return rawConnection(connection);
    },
    async settled(...served) {
      await Promise.all(served.map((bus) => bus.flush()));
    },
    async stop() {
      await Promise.all(buses.map((bus) => bus.close()));
      await Promise.all(connections.map((connection) => connection.close()));
      await parts.stopServers();
    },
  };
}

/** One server, which `cut` kills and `heal` starts again on the same port. */
export async function natsHarness(): Promise<BreakableHarness> {
  let server: NatsServer = await startNatsServer();
  const { url, port } = server;
  return {
    ...harnessOver({ cluster: 'compliance', next: () => url, stopServers: () => server.stop() }),
    async cut() {
      server.kill('SIGKILL');
      await server.exited;
      await server.stop();
    },
    async heal() {
      server = await startNatsServer({ port });
    },
  };
}

/** Resolves when each server knows of a subscription made at each other one, and so of all made there before it. */
export async function interestSpread(urls: readonly string[]): Promise<void> {
  const connections = await Promise.all(urls.map((servers) => connect({ servers, noEcho: true })));
  const subject = createInbox();
  await Promise.all(
    connections.map((heard, from) => {
      const mine = `${subject}.${from}`;
      heard.subscribe(mine, { callback: (_error, message) => void message.respond() });
      return Promise.all(connections.filter((asker) => asker !== heard).map((asker) => untilAnswered(asker, mine)));
    }),
  );
  await Promise.all(connections.map((connection) => connection.close()));
}

async function untilAnswered(asker: NatsConnection, subject: string): Promise<void> {
  for (;;) {
    const answered = await asker.request(subject, '', { timeout: 5_000 }).catch((error: Error) => error);
    if (!(answered instanceof RequestError)) return;
  }
}
