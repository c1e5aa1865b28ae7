import { setImmediate as endOfTurn } from 'node:timers/promises';
import type { Clock } from '@ringfort/bus';
import type { FastifyInstance } from 'fastify';

/** How long clients are given to let go of their connections. */
const LINGER_MS = 700;

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
      // What had arrived by now, requests and connections, has been taken in then: closing would reset it.
      await endOfTurn();
      await app.close();
    },
  };
}
