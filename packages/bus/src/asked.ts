import { bodiesPacked, type ContractCodecs, codecsOf, type PackedBody } from './body-codec.ts';
import { PROTOCOL_VERSION } from './contract.ts';
import { MessageTooLargeError } from './errors.ts';
import type { Contract } from './port.ts';

/** What is asked or told: a body and its contract, packed when it is first needed, once for all that it goes to. */
export class Asked {
  readonly contract: Contract;
  readonly codecs: ContractCodecs;
  readonly body: unknown;
  readonly #maxBytes: number;
  #packed: PackedBody | undefined;
  #number = 0;

  constructor(contract: Contract, body: unknown, maxBytes: number) {
    this.contract = contract;
    this.codecs = codecsOf(contract);
    this.body = body;
    this.#maxBytes = maxBytes;
  }

  /** To be put into a frame at once. @throws InvalidMessageError, MessageTooLargeError */
  packed(to: string): PackedBody {
    // Bodies share their memory: when another was packed meanwhile (a callback of a failed send may ask again) this one is gone.
    if (this.#packed === undefined || this.#number !== bodiesPacked()) {
      this.#packed = this.codecs.request.pack('the body of', this.contract.verb, PROTOCOL_VERSION, this.body);
      this.#number = bodiesPacked();
    }
    if (this.#packed.length > this.#maxBytes) throw new MessageTooLargeError(to, this.#packed.length, this.#maxBytes);
    return this.#packed;
  }
}
