// permessage-deflate from option to connection: what `serve()` and `connect()` use of this folder.

import type { ExtensionOffer } from "../http/extension_header.ts";
import type { DeflateBackend } from "./backend.ts";
import { acceptDeflate, type DeflateParameters, judgeDeflate } from "./negotiation.ts";
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

/** The compression that one server or client is willing to use; made by `createCompression()`. */
export interface Compression {
  /** Compresses and decompresses. */
  readonly backend: DeflateBackend;
  /** What it is willing to do. */
  readonly options: ResolvedCompression;
}

// Functions, of which each end needs one, rather than methods: a bundler can leave out the others.

/** The server's choice among the client's offers. */
export function acceptCompression(
  compression: Compression,
  offers: readonly ExtensionOffer[],
): NegotiatedCompression {
  const accepted = acceptDeflate(offers, compression.options);
  if (accepted === undefined) return NONE;
  return {
    extensions: [accepted.answer],
    transform: createTransform(compression, accepted.parameters),
  };
}

/**
 * The client's judgement of the server's answer to `offerDeflate()`; a reason to fail the
 * connection when it is not valid.
 */
export function judgeCompression(
  compression: Compression,
  answers: readonly ExtensionOffer[],
): NegotiatedCompression | { readonly reason: string } {
  const judged = judgeDeflate(answers, compression.options);
  if (judged === undefined) return NONE;
  if ("reason" in judged) return judged;
  return { extensions: answers, transform: createTransform(compression, judged) };
}

function createTransform(
  { backend, options }: Compression,
  parameters: DeflateParameters,
): PerMessageDeflate {
  return new PerMessageDeflate(backend, parameters, options);
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
  return { backend, options };
}
