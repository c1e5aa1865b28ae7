import type { GetReply } from '../../src/index.ts';

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const texts = (reply: GetReply): string[] => reply.siblings.map((s) => new TextDecoder().decode(s.value)).sort();
