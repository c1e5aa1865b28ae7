import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ToolError } from '../errors.ts';
import { canUseApt, findNatsServer, howToGetNatsServer, installWithApt } from '../nats-server.ts';

export interface SetUp {
  /** Path of the nats-server, or undefined when none can be had. */
  readonly natsServer: string | undefined;
}

/**
 * Makes sure that what Ringfort needs beyond npm packages is there (those the bootstrap has installed by now).
 * Takes a few milliseconds when nothing is missing.
 * @param tell takes a line about what is being done
 */
export async function setUp(root: string, tell: (line: string) => void): Promise<SetUp> {
  checkNativeModules(root);
  const found = findNatsServer(process.env);
  if (found) return { natsServer: found };
  if (!canUseApt()) {
    tell(`no nats-server found: ${howToGetNatsServer}`);
    return { natsServer: undefined };
  }
  tell('installing nats-server with apt-get ...');
  try {
    await installWithApt(root);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    tell(error.message);
    return { natsServer: undefined };
  }
  const installed = findNatsServer(process.env);
  if (!installed) tell(`apt-get ended well, yet there is no nats-server: ${howToGetNatsServer}`);
  return { natsServer: installed };
}

/** LMDB's binary comes as an optional package of its own for each platform: tells by name when it is not there. */
function checkNativeModules(root: string): void {
  const load = createRequire(join(root, 'packages', 'storage', 'package.json'));
  try {
    load('lmdb');
  } catch (cause) {
    const reason = (cause as Error).message.split('\n')[0];
    throw new ToolError(
      'NO_LMDB',
      `lmdb does not load on ${process.platform}-${process.arch} (${reason}): delete node_modules and start again`,
      { cause },
    );
  }
}
