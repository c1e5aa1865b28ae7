import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { actionNames, delayLabel, invokeLabel, type TransitionLike, transitionLabel } from './statechart-labels.ts';

/** A machine as a package exports it. */
export interface ExportedMachine {
  /** Name of the package, `@ringfort/ring`. */
  readonly packageName: string;
  /** Its folder, relative to the workspace. */
  readonly packageDir: string;
  /** Name of the export, `ringMachine`. */
  readonly exportName: string;
  readonly machine: AnyStateMachine;
}

interface Edge {
  readonly source: AnyStateNode;
  readonly target: AnyStateNode;
  readonly label: string;
}

/** Words that Mermaid 11 fails on, or drops, as the id of a state (tried one by one). */
const reservedIds = new Set(
  'as class classDef click default direction end href note root scale state stateDiagram style'.split(' '),
);

/** What a machine is when it comes from a module whose xstate may be another copy than ours. */
export function isMachine(value: unknown): value is AnyStateMachine {
  const candidate = value as { __xstatenode?: unknown; root?: { states?: unknown }; implementations?: unknown } | null;
  return (
    typeof value === 'object' &&
    candidate?.__xstatenode === true &&
    typeof candidate.root?.states === 'object' &&
    candidate.implementations !== undefined
  );
}

/** File name of a machine's page: package folder and export, without the word machine. */
export function pageName(exported: ExportedMachine): string {
  const short = exported.exportName.replace(/Machine$/, '') || 'machine';
  const kebab = short.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
  const folder = exported.packageDir.split('/').at(-1) ?? '';
  return kebab === folder ? `${folder}.md` : `${folder}-${kebab}.md`;
}

/** The page of one machine: a Mermaid diagram, then tables of what a diagram cannot show. */
export function machinePage(exported: ExportedMachine): string {
  const { root } = exported.machine;
  const description = root.description ? [root.description, ''] : [];
  return [
    '<!-- Generated from the machine by `npm run tools -- statecharts`. Do not edit. -->',
    '',
    `# ${exported.exportName}`,
    '',
    `Machine \`${exported.machine.id}\` of [\`${exported.packageName}\`](../../${exported.packageDir}).`,
    '',
    ...description,
    '```mermaid',
    ...diagram(root),
    '```',
    ...stateTable(root),
    ...delayTable(exported.machine),
    '',
  ].join('\n');
}

/** The page that lists all machines. */
export function indexPage(machines: readonly ExportedMachine[]): string {
  const rows = machines.map(
    (each) =>
      `| [${each.exportName}](${pageName(each)}) | \`${each.packageName}\` | ${countStates(each.machine.root)} |`,
  );
  return [
    '<!-- Generated from the machines by `npm run tools -- statecharts`. Do not edit. -->',
    '',
    '# Statecharts',
    '',
    'Every state machine of Ringfort, drawn from the code. Transitions read `event [guard] / actions`.',
    '',
    '| machine | package | states |',
    '| --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

function countStates(node: AnyStateNode): number {
  return childrenOf(node).reduce((sum, child) => sum + 1 + countStates(child), 0);
}

function diagram(root: AnyStateNode): string[] {
  const edges = mergeEdges(drawnEdges(root));
  return ['stateDiagram-v2', ...regionLines(root, edges, '  ')];
}

/** The states inside `parent`, then the transitions whose nearest common ancestor it is. */
function regionLines(parent: AnyStateNode, edges: readonly Edge[], indent: string): string[] {
  const children = childrenOf(parent);
  const between = edges.filter((edge) => commonAncestor(edge.source, edge.target) === parent);
  const lines: string[] = [];
  children.forEach((child, place) => {
    if (parent.type === 'parallel' && place > 0) lines.push(`${indent}--`);
    lines.push(...stateLines(child, edges, indent));
  });
  if (parent.type === 'compound') {
    for (const first of parent.initial.target ?? []) lines.push(`${indent}[*] --> ${idOf(first)}`);
  }
  for (const edge of between) lines.push(`${indent}${idOf(edge.source)} --> ${idOf(edge.target)} : ${edge.label}`);
  for (const child of children) if (child.type === 'final') lines.push(`${indent}${idOf(child)} --> [*]`);
  return lines;
}

function stateLines(node: AnyStateNode, edges: readonly Edge[], indent: string): string[] {
  const name = node.type === 'history' ? `${node.key} (history)` : node.key;
  const head = `${indent}state "${escapeText(name)}" as ${idOf(node)}`;
  if (childrenOf(node).length > 0) return [`${head} {`, ...regionLines(node, edges, `${indent}  `), `${indent}}`];
  return [head, ...insideLines(node).map((line) => `${indent}${idOf(node)} : ${escapeText(line)}`)];
}

function insideLines(node: AnyStateNode): string[] {
  const entry = actionNames(node.entry);
  const exit = actionNames(node.exit);
  return [
    ...(entry.length > 0 ? [`entry / ${entry.join(', ')}`] : []),
    ...(exit.length > 0 ? [`exit / ${exit.join(', ')}`] : []),
    ...node.invoke.map((each) => `invoke ${invokeLabel(each.src)}`),
  ];
}

/** Transitions that Mermaid can draw: to another state that neither contains the source nor lies in it, or to itself. */
function drawnEdges(node: AnyStateNode): Edge[] {
  const own = transitionsOf(node).flatMap((transition) =>
    (transition.target ?? [])
      .filter((target) => isDrawn(node, target))
      .map((target) => ({ source: node, target, label: escapeText(transitionLabel(transition, node)) })),
  );
  return [...own, ...childrenOf(node).flatMap(drawnEdges)];
}

function isDrawn(source: AnyStateNode, target: AnyStateNode): boolean {
  if (source === target) return childrenOf(source).length === 0;
  return !contains(source, target) && !contains(target, source);
}

/** Several transitions between the same two states become one arrow with a line for each. */
function mergeEdges(edges: readonly Edge[]): Edge[] {
  const merged = new Map<string, Edge>();
  for (const edge of edges) {
    const key = `${edge.source.id}\n${edge.target.id}`;
    const before = merged.get(key);
    merged.set(key, before ? { ...edge, label: `${before.label}<br/>${edge.label}` } : edge);
  }
  return [...merged.values()];
}

type Transition = TransitionLike & { readonly target?: readonly AnyStateNode[] | undefined };

function transitionsOf(node: AnyStateNode): Transition[] {
  const after = node.after as unknown as Transition[];
  const named = [...node.transitions.values()].flat() as unknown as Transition[];
  const events = named.filter((each) => !each.eventType.startsWith('xstate.after.'));
  const always = ((node.always ?? []) as unknown as Transition[]).map((each) => ({ ...each, eventType: 'always' }));
  return [...events, ...after, ...always];
}

/** What is not an arrow: entry, exit, invocations, and transitions that stay in the state or lead into its own inside. */
function stateTable(root: AnyStateNode): string[] {
  const rows = [root, ...descendants(root)].flatMap((node) => {
    const inPlace = transitionsOf(node).flatMap((transition) => {
      const targets = transition.target ?? [];
      const hidden = targets.filter((target) => !isDrawn(node, target));
      if (targets.length > 0 && hidden.length === 0) return [];
      const to = hidden.map((target) => ` → ${pathOf(target)}`).join('');
      return [`${transitionLabel(transition, node)}${to}`];
    });
    const cells = [
      actionNames(node.entry).join(', '),
      actionNames(node.exit).join(', '),
      node.invoke.map((each) => invokeLabel(each.src)).join(', '),
      inPlace.map(escapeCell).join('<br/>'),
    ];
    if (cells.every((cell) => cell === '')) return [];
    return [`| ${escapeCell(pathOf(node))} | ${cells.join(' | ')} |`];
  });
  if (rows.length === 0) return [];
  return [
    '',
    '| in state | on entry | on exit | runs | handles without an arrow |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ];
}

function delayTable(machine: AnyStateMachine): string[] {
  const used = [machine.root, ...descendants(machine.root)].flatMap((node) => node.after.map((each) => each.delay));
  const known = machine.implementations.delays as Record<string, unknown>;
  const names = [...new Set(used.filter((delay): delay is string => typeof delay === 'string'))];
  if (names.length === 0) return [];
  const rows = names.map((name) => {
    const value = known[name];
    return `| ${escapeCell(name)} | ${typeof value === 'number' ? delayLabel(value) : 'computed'} |`;
  });
  return ['', '| delay | length |', '| --- | --- |', ...rows];
}

function childrenOf(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states) as AnyStateNode[];
}

function descendants(node: AnyStateNode): AnyStateNode[] {
  return childrenOf(node).flatMap((child) => [child, ...descendants(child)]);
}

function contains(outer: AnyStateNode, inner: AnyStateNode): boolean {
  for (let node = inner.parent; node; node = node.parent) if (node === outer) return true;
  return false;
}

function commonAncestor(one: AnyStateNode, other: AnyStateNode): AnyStateNode | undefined {
  let node = one.parent;
  while (node && !contains(node, other)) node = node.parent;
  return node;
}

function pathOf(node: AnyStateNode): string {
  return node.path.length === 0 ? '(whole machine)' : node.path.join('.');
}

function idOf(node: AnyStateNode): string {
  const id = node.path.map((part) => part.replace(/\W/g, '_')).join('__');
  return reservedIds.has(id) ? `${id}_` : id;
}

/** Characters that Mermaid or HTML would read as syntax become Mermaid's entity codes. */
function escapeText(text: string): string {
  return text.replace(/[#:;%"{}<>\\`]/g, (character) => `#${character.charCodeAt(0)};`);
}

function escapeCell(text: string): string {
  return text.replace(/\|/g, '\\|').replace(/</g, '&lt;').replace(/\*/g, '\\*');
}
