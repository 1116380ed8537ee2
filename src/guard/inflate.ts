// The limit on how far a message may inflate, around the transform that inflates it.
//
// It stops the inflating, rather than judging its result: what is above the limit is never there in memory.

import type { Bytes } from "../bytes.ts";
import { CloseCode } from "../close.ts";
import type { Violation } from "../frame.ts";
import type { MessageDecoder } from "../message.ts";

/** Up to here no ratio matters: the memory is the same whatever it came from. */
const HARMLESS = 4_096;

/** What is limited: a negotiated extension that transforms whole messages. */
export interface InflatingTransform extends MessageDecoder {
  /** Messages of fewer octets are sent as they are. */
  readonly threshold: number;
  /** The payload to send instead. */
  encode(data: Uint8Array): Bytes;
  /** Frees what it holds. */
  close(): void;
}

/** The transform within `maxInflateRatio`. */
export function limitInflation(
  transform: InflatingTransform,
  ratio: number,
  exceeded: () => void,
): InflatingTransform {
  if (ratio === Infinity) return transform;
  return {
    threshold: transform.threshold,
    encode: (data) => transform.encode(data),
    close: () => transform.close(),
    decode(payload, maxLength): Bytes | "too long" | "invalid" | Violation {
      const most = Math.max(HARMLESS, Math.floor(payload.length * ratio));
      if (most >= maxLength) return transform.decode(payload, maxLength);
      const plain = transform.decode(payload, most);
      if (plain !== "too long") return plain;
      exceeded();
      return {
        code: CloseCode.messageTooBig,
        reason: `Message of more than ${ratio} times its compressed size (guard.maxInflateRatio)`,
      };
    },
  };
}
