import { parseSync } from 'oxc-parser';

/** What a file uses of the real world: the clock, timers or randomness of the machine, by a name of its own. */
export interface AmbientUse {
  /** As the exceptions name it: `Date.now`, `setTimeout`, `node:timers`. */
  readonly name: string;
  readonly line: number;
}

/** A file that may use what others must not, and why. */
export interface AmbientException {
  readonly names: readonly string[];
  readonly why: string;
}

const timers = new Set(['setTimeout', 'setInterval', 'setImmediate']);
const members: Readonly<Record<string, (member: string) => boolean>> = {
  Date: (member) => member === 'now',
  Math: (member) => member === 'random',
  performance: () => true,
  process: (member) => member === 'hrtime' || member === 'uptime',
  crypto: isRandom,
  AbortSignal: (member) => member === 'timeout',
};
/** Modules none of which may be used, and those of whose exports some may not. */
const modules: Readonly<Record<string, (exported: string) => boolean>> = {
  timers: () => true,
  'timers/promises': () => true,
  perf_hooks: () => true,
  crypto: (exported) => isRandom(exported) || exported === 'webcrypto',
  process: (exported) => exported === 'hrtime' || exported === 'uptime',
};

function isRandom(name: string): boolean {
  return /^(random|getRandom|pseudoRandom)/.test(name);
}

interface AstNode {
  readonly type: string;
  readonly start: number;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is AstNode => typeof (value as AstNode | null)?.type === 'string';

/** All uses in a file, in their order. Names are taken as they stand: a local variable called `setTimeout` counts as the global. */
export function ambientUses(file: string, text: string): AmbientUse[] {
  const found: AmbientUse[] = [];
  const aliases = new Map<string, string>();
  const add = (name: string, node: AstNode) => found.push({ name, line: text.slice(0, node.start).split('\n').length });
  const visit = (node: AstNode, parent: AstNode | undefined, key: string) => {
    // Types name, they do not use; but `x as T`, `x!` and the like hold expressions.
    if (node.type.startsWith('TS') && !isNode(node.expression)) return;
    if (node.type === 'ImportDeclaration') importUses(node, aliases, (name) => add(name, node));
    else {
      const used = usedBy(node, parent, key, aliases);
      if (used !== undefined) add(used, node);
    }
    for (const [name, child] of Object.entries(node)) {
      for (const one of Array.isArray(child) ? child : [child]) if (isNode(one)) visit(one, node, name);
    }
  };
  visit(parseSync(file, text).program as unknown as AstNode, undefined, '');
  return found;
}

function importUses(node: AstNode, aliases: Map<string, string>, add: (name: string) => void): void {
  const module = String((node.source as AstNode).value).replace(/^node:/, '');
  const isForbidden = Object.hasOwn(modules, module) ? modules[module] : undefined;
  if (isForbidden === undefined || node.importKind === 'type') return;
  for (const one of node.specifiers as readonly AstNode[]) {
    const local = String((one.local as AstNode).name);
    if (one.type === 'ImportSpecifier') {
      const exported = String((one.imported as AstNode).name);
      if (one.importKind !== 'type' && isForbidden(exported)) add(`node:${module} ${exported}`);
    } else if (Object.hasOwn(members, module)) aliases.set(local, module);
    else add(`node:${module}`);
  }
}

/** The forbidden thing that this very node is, if any. */
function usedBy(
  node: AstNode,
  parent: AstNode | undefined,
  key: string,
  aliases: ReadonlyMap<string, string>,
): string | undefined {
  const { type, callee, object, property, computed } = node;
  if (type === 'NewExpression' && globalName(callee) === 'Date' && (node.arguments as []).length === 0)
    return 'new Date()';
  if (type === 'CallExpression' && globalName(callee) === 'Date') return 'Date()';
  if (type === 'MemberExpression' && !computed && isNode(object) && isNode(property)) {
    const member = String(property.name);
    const of = globalName(object) ?? '';
    const place = aliases.get(of) ?? of;
    if (Object.hasOwn(members, place) && members[place]!(member)) return `${place}.${member}`;
    if (place === 'globalThis' && timers.has(member)) return member;
  }
  return type === 'Identifier' && timers.has(String(node.name)) && isReference(node, parent, key)
    ? String(node.name)
    : undefined;
}

/** `x` and `globalThis.x` by the name x. */
function globalName(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Identifier') return String(node.name);
  const isGlobal = node.type === 'MemberExpression' && !node.computed && (node.object as AstNode).name === 'globalThis';
  return isGlobal ? String((node.property as AstNode).name) : undefined;
}

/** Whether the name stands for a value here, and is not that of a member, a method or a parameter. */
function isReference(node: AstNode, parent: AstNode | undefined, key: string): boolean {
  if (parent === undefined || parent.type.startsWith('Import')) return false;
  if (key === 'property' && parent.type === 'MemberExpression') return parent.computed === true;
  if (key === 'key') return parent.computed === true || parent.value === node;
  return key !== 'params' && key !== 'id';
}

const remedy = (name: string) =>
  /random|webcrypto/i.test(name)
    ? 'take the Random that is passed in'
    : 'take the Clock that is passed in, or `endOfTurn(clock)`';

/**
 * One sentence for each use that no exception allows, and for each exception that nothing needs.
 * @param texts the files that are bound by the rule, by their paths
 */
export function ambientProblems(
  texts: ReadonlyMap<string, string>,
  exceptions: Readonly<Record<string, AmbientException>>,
): string[] {
  const problems: string[] = [];
  for (const [file, text] of texts) {
    const allowed = exceptions[file]?.names ?? [];
    const uses = ambientUses(file, text);
    for (const { name, line } of uses)
      if (!allowed.includes(name))
        problems.push(`${file}:${line} uses ${name}: ${remedy(name)}, or a simulation cannot repeat what happens`);
    for (const name of allowed)
      if (!uses.some((use) => use.name === name)) problems.push(`${file} does not use ${name}: remove the exception`);
  }
  const missing = Object.keys(exceptions).filter((file) => !texts.has(file));
  return [...problems, ...missing.map((file) => `${file} is not there: remove its exception`)];
}
