// permessage-deflate from option to connection: what `serve()` and `connect()` use of this folder.

import type { ExtensionOffer } from "../http/extension_header.ts";
import type { DeflateBackend } from "./backend.ts";
import {
  acceptDeflate,
  type DeflateParameters,
  judgeDeflate,
  offerDeflate,
} from "./negotiation.ts";
import {
  type CompressionOptions,
  resolveCompression,
  type ResolvedCompression,
} from "./options.ts";
import { PerMessageDeflate } from "./permessage.ts";

/** What was negotiated for one connection. */
export interface NegotiatedCompression {
  /**
   * The elements of the response's Sec-WebSocket-Extensions; empty when there is no compression.
   */
  readonly extensions: readonly ExtensionOffer[];
  /** Compresses and decompresses the connection's messages. */
  readonly transform: PerMessageDeflate | undefined;
}

const NONE: NegotiatedCompression = { extensions: [], transform: undefined };

/** The compression that one server or client is willing to use. */
export class Compression {
  readonly #backend: DeflateBackend;
  readonly #options: ResolvedCompression;

  /** Made by `createCompression()`. */
  constructor(backend: DeflateBackend, options: ResolvedCompression) {
    this.#backend = backend;
    this.#options = options;
  }

  /** The server's choice among the client's offers. */
  accept(offers: readonly ExtensionOffer[]): NegotiatedCompression {
    const accepted = acceptDeflate(offers, this.#options);
    if (accepted === undefined) return NONE;
    return { extensions: [accepted.answer], transform: this.#transform(accepted.parameters) };
  }

  /** The client's offer. */
  offer(): ExtensionOffer {
    return offerDeflate(this.#options);
  }

  /**
   * The client's judgement of the server's answer; a reason to fail the connection when it is not
   * valid.
   */
  judge(answers: readonly ExtensionOffer[]): NegotiatedCompression | { readonly reason: string } {
    const judged = judgeDeflate(answers, this.#options);
    if (judged === undefined) return NONE;
    if ("reason" in judged) return judged;
    return { extensions: answers, transform: this.#transform(judged) };
  }

  #transform(parameters: DeflateParameters): PerMessageDeflate {
    return new PerMessageDeflate(this.#backend, parameters, this.#options);
  }
}

/**
 * The compression that an option asks for; undefined for none.
 *
 * @throws {TypeError} When there is no DEFLATE to do it with.
 */
export function createCompression(
  option: boolean | CompressionOptions,
  backend: DeflateBackend | undefined,
): Compression | undefined {
  const options = resolveCompression(option);
  if (options === undefined) return undefined;
  if (backend === undefined) {
    throw new TypeError("Expected a runtime with DEFLATE for `compression`, got one without");
  }
  return new Compression(backend, options);
}
