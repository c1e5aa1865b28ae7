const ACTOR = /[0-9a-f]{16}-[0-9a-z]+/g;

/**
 * Readable names for those who give dots, whose ids are random: the node, with `/2` for the second run of its process and `.1` for the second
 * actor that this run gave. Who names an actor first is the node that gave it: it sends its dots before anybody else can.
 */
export class ActorNames {
  readonly #byActor = new Map<string, string>();
  readonly #byRun = new Map<string, string>();
  readonly #runs = new Map<string, number>();

  /** The same text, with names for the actors in it; `node` is whose text it is. */
  in(text: string, node: string): string {
    return text.replace(ACTOR, (actor) => this.of(actor, node));
  }

  of(actor: string, node: string): string {
    const known = this.#byActor.get(actor);
    if (known !== undefined) return known;
    const [run = '', number = '0'] = actor.split('-');
    const name = `${this.#nameOfRun(run, node)}${number === '0' ? '' : `.${number}`}`;
    this.#byActor.set(actor, name);
    return name;
  }

  #nameOfRun(run: string, node: string): string {
    const known = this.#byRun.get(run);
    if (known !== undefined) return known;
    const nth = (this.#runs.get(node) ?? 0) + 1;
    this.#runs.set(node, nth);
    const name = nth === 1 ? node : `${node}/${nth}`;
    this.#byRun.set(run, name);
    return name;
  }
}
