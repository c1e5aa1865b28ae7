import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lastTellingLine, parseInfo, parsePortsFile } from '../src/log-core.ts';

describe("nats-server's log", () => {
  it('gives the fatal line, not what comes after it', () => {
    const log = [
      '[6] 2026/11/21 12:44:58.982529 [INF] Starting nats-server',
      '[6] 2026/11/21 12:44:58.983524 [FTL] Error listening on port: 127.0.0.1:4299, "bind: address already in use"',
      '[6] 2026/11/21 12:44:58.983600 [INF] Server Exiting..',
      '',
    ].join('\n');
    expect(lastTellingLine(log)).toBe('[FTL] Error listening on port: 127.0.0.1:4299, "bind: address already in use"');
  });
  it('gives the last line when none is fatal', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 1 }), (lines) => {
        expect(lastTellingLine(`${lines.join('\n')}\n\n`)).toBe(lines.at(-1));
      }),
    );
    expect(lastTellingLine('')).toBe('');
  });
});

describe('what is read while it is being written', () => {
  const whole =
    '{"nats":["nats://127.0.0.1:35497"],"monitoring":["http://127.0.0.1:35515"],"cluster":["nats://127.0.0.1:45767"]}';
  it('is undefined until it is whole', () => {
    for (let length = 0; length < whole.length; length += 1)
      expect(parsePortsFile(whole.slice(0, length))).toBeUndefined();
    expect(parsePortsFile(whole)?.cluster).toEqual(['nats://127.0.0.1:45767']);
  });
  it('goes for the greeting as well', () => {
    const info = 'INFO {"server_id":"A","connect_urls":["h:1"]} \r\n';
    for (let length = 0; length < info.length; length += 1) expect(parseInfo(info.slice(0, length))).toBeUndefined();
    expect(parseInfo(info)).toEqual({ serverId: 'A', connectUrls: ['h:1'] });
  });
});
