import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the checkout: two floors above this file, in `tools/src` as in `tools/dist`. */
export const workspaceRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
