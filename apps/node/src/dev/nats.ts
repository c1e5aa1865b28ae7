import { setTimeout as sleep } from 'node:timers/promises';
import { type NatsServer, startNatsServer } from '@ringfort/nats-server';
import type { DevDirectory } from './directory.ts';
import type { DevReport } from './report.ts';

const maxRestarts = 10;
const restartDelayMs = 400;
/** One Ctrl-C reaches every process of the terminal, though not in the same instant. */
const signalSpreadMs = 100;

/** The nats-server of a `ringfort dev`. */
export interface DevNats {
  readonly url: string;
  readonly port: number;
  /** Resolves with why, when it ended and could not be brought back. */
  readonly lost: Promise<string>;
  stop(): Promise<void>;
}

/** Starts a nats-server where it was the last time, or on a free port where that is taken; and again whenever it ends. */
export async function startDevNats(
  directory: DevDirectory,
  formerPort: number | undefined,
  { tell, stopAsked }: Pick<DevReport, 'tell' | 'stopAsked'>,
): Promise<DevNats> {
  const logFile = directory.natsLogFile;
  let server = await startAt(formerPort ?? 0, logFile).catch((error: unknown) => {
    if (formerPort !== undefined && (error as { code?: string }).code === 'NATS_PORT_TAKEN') return startAt(0, logFile);
    throw error;
  });
  const { url, port } = server;
  let stopping = false;
  // Ctrl-C in a terminal reaches the nats-server too: that it ends then is no loss.
  void stopAsked.then(() => {
    stopping = true;
  });

  async function watch(): Promise<string> {
    for (let restarts = 0; restarts < maxRestarts; restarts += 1) {
      const { code, signal } = await server.exited;
      await sleep(signalSpreadMs);
      if (stopping) break;
      tell(`nats-server (pid ${server.pid}) ended (${signal ?? `exit code ${code}`}); starting it again at ${url}`);
      await server.stop();
      await sleep(restartDelayMs);
      if (stopping) break;
      try {
        server = await startAt(port, logFile);
      } catch (error) {
        return `nats-server ended and cannot be started again: ${(error as Error).message}`;
      }
      if (stopping) await server.stop();
    }
    if (!stopping) return `nats-server ended ${maxRestarts} times; its log: ${logFile}`;
    return new Promise<never>(() => undefined); // a stop that was asked for is no loss
  }
  return {
    url,
    port,
    lost: watch(),
    async stop() {
      stopping = true;
      await server.stop();
    },
  };
}

function startAt(port: number, logFile: string): Promise<NatsServer> {
  return startNatsServer({ port, logFile });
}
