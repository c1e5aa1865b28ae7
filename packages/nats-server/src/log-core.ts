/** `[123] 2026/01/31 10:00:00.000001 [INF] Text` -> `[INF] Text`; a line of another shape stays as it is. */
export function withoutPrefix(line: string): string {
  return line.replace(/^\[\d+\] \d{4}\/\d\d\/\d\d [\d:.]+ /, '');
}

/** The last line of a log that says why a server ended: the last fatal or error line, else the last one that is not empty. */
export function lastTellingLine(log: string): string {
  const lines = log
    .split('\n')
    .map((line) => withoutPrefix(line.trim()))
    .filter((line) => line !== '');
  return lines.findLast((line) => /^\[(FTL|ERR)\]/.test(line) || line.startsWith('nats-server:')) ?? lines.at(-1) ?? '';
}

/** Whether a log line tells that a listening port was taken. */
export function tellsPortTaken(line: string): boolean {
  return /address already in use/i.test(line);
}

/** What nats-server writes with `--ports_file_dir`. Undefined while the file is still being written. */
export function parsePortsFile(text: string): { nats: string[]; cluster: string[]; monitoring: string[] } | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined; // Not whole yet: nats-server does not write it atomically.
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const urls = (name: string): string[] => {
    const value = (parsed as Record<string, unknown>)[name];
    return Array.isArray(value) ? value.filter((url): url is string => typeof url === 'string') : [];
  };
  return { nats: urls('nats'), cluster: urls('cluster'), monitoring: urls('monitoring') };
}

/** The fields of nats-server's `INFO {...}` greeting that this package uses. Undefined while the line is not whole. */
export function parseInfo(text: string): { serverId: string; connectUrls: string[] } | undefined {
  const end = text.indexOf('\r\n');
  if (!text.startsWith('INFO ') || end < 0) return undefined;
  const info = JSON.parse(text.slice('INFO '.length, end)) as { server_id?: string; connect_urls?: string[] };
  return { serverId: info.server_id ?? '', connectUrls: info.connect_urls ?? [] };
}
