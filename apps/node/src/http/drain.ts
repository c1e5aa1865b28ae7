import { setImmediate as endOfTurn } from 'node:timers/promises';
import type { Clock } from '@ringfort/bus';
import type { FastifyInstance } from 'fastify';

/** How long clients are given to let go of their connections. */
const LINGER_MS = 700;
/** Turns of the event loop at most, in which what had arrived is taken in. */
const MAX_TURNS = 4_096;

/**
 * Closes a server without cutting off anybody. A client may be sending on an idle connection at the very moment in which it is closed: so for a
 * while every answer says `Connection: close`, by which clients that are in use of theirs go elsewhere, before idle ones are closed.
 */
export function drainable(app: FastifyInstance, clock: Clock): { drain(): Promise<void> } {
  let draining = false;
  app.server.prependListener('request', (_request, response) => {
    if (draining) response.setHeader('Connection', 'close');
  });
  return {
    async drain() {
      draining = true;
      const open = await new Promise<number>((resolve) => {
        app.server.getConnections((error, count) => resolve(error === null ? count : 0));
      });
      if (open > 0) await new Promise<void>((resolve) => void clock.setTimeout(resolve, LINGER_MS));
      await takeInWhatArrived(app);
      await app.close();
    },
  };
}

/**
 * Closing would reset requests that lie unread, and connections that wait in the kernel. Node accepts one connection per turn of its event loop, and
 * reads it in the next: so turns pass until two brought nothing more.
 */
async function takeInWhatArrived({ server }: FastifyInstance): Promise<void> {
  let came = true;
  const note = () => {
    came = true;
  };
  server.on('connection', note).on('request', note);
  for (let turns = 0; came && turns < MAX_TURNS; turns += 2) {
    came = false;
    await endOfTurn();
    await endOfTurn();
  }
  server.off('connection', note).off('request', note);
}
