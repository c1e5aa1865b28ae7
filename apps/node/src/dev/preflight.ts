import { connect, createServer } from 'node:net';
import { CommandError } from '../cli/exit.ts';
import { PortTakenError } from '../errors.ts';

/** @throws PortTakenError for the first port that cannot be listened on */
export async function checkPortsFree(firstPort: number, count: number): Promise<void> {
  for (let port = firstPort; port < firstPort + count; port += 1) await checkPortFree(port);
}

function checkPortFree(port: number): Promise<void> {
  const host = '127.0.0.1';
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const denied = cause.code === 'EACCES';
      reject(
        denied
          ? new CommandError(
              'PORT_DENIED',
              `port ${port} is not yours to use: choose one above 1023 with --http-port`,
              { cause },
            )
          : new PortTakenError(host, port, '--http-port', cause),
      );
    });
    server.listen(port, host, () => server.close(() => resolve()));
  });
}

const greetingTimeoutMs = 3000;

/**
 * Whether one of the servers greets as a NATS server does.
 * @throws CommandError `NATS_UNREACHABLE`
 */
export async function checkNatsReachable(servers: readonly string[]): Promise<void> {
  const failures: string[] = [];
  for (const server of servers) {
    const failure = await greetingFailure(server);
    if (failure === undefined) return;
    failures.push(`${server}: ${failure}`);
  }
  throw new CommandError(
    'NATS_UNREACHABLE',
    `no NATS server answers (${failures.join('; ')}): start it, or leave --nats out to have one started`,
  );
}

function greetingFailure(server: string): Promise<string | undefined> {
  const { hostname, port } = parseServer(server);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port, timeout: greetingTimeoutMs });
    const end = (failure: string | undefined) => {
      socket.destroy();
      resolve(failure);
    };
    socket.setEncoding('latin1');
    socket.once('data', (text) => end(String(text).startsWith('INFO ') ? undefined : 'it is not a NATS server'));
    socket.once('timeout', () => end(`no greeting within ${greetingTimeoutMs} ms`));
    socket.once('error', (error) => end(error.message));
    socket.once('close', () => end('it closed the connection without a greeting'));
  });
}

function parseServer(server: string): { hostname: string; port: number } {
  try {
    const { hostname, port } = new URL(/^[a-z]+:\/\//.test(server) ? server : `nats://${server}`);
    if (hostname === '') throw new TypeError('no host');
    return { hostname: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 4222 : Number(port) };
  } catch (cause) {
    throw new CommandError('NATS_UNREACHABLE', `--nats ${server}: give nats://host:port`, { cause });
  }
}
