// Stands in for the ringfort binary: the same flags, the same /readyz, and what it was told under /seen.
import { appendFileSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [command, ...rest] = process.argv.slice(2);
const flags = {};
for (let index = 0; index < rest.length; index += 2) flags[rest[index].slice(2)] = rest[index + 1];
if (flags.refuse) {
  console.error(JSON.stringify({ level: 60, msg: `refused: ${flags.refuse}` }));
  process.exit(78);
}
const starts = join(flags.data, 'starts');
appendFileSync(starts, '.');
let asked = 0;
const [host, port] = flags.http.split(':');
createServer((request, response) => {
  if (request.url === '/readyz') {
    asked += 1;
    response.statusCode = asked > Number(flags['ready-after'] ?? 0) ? 200 : 503;
    response.end(JSON.stringify({ status: 'joining' }));
  } else {
    const env = Object.keys(process.env).filter((name) => name.startsWith('VITEST'));
    response.end(JSON.stringify({ command, flags, starts: readFileSync(starts, 'utf8').length, env }));
  }
}).listen(Number(port), host);
console.error(JSON.stringify({ level: 30, msg: 'started', id: flags.id }));
if (flags.deaf) process.on('SIGTERM', () => console.error(JSON.stringify({ msg: 'deaf' })));
