// The limit on how far a message may inflate, around the transform that inflates it.
//
// It stops the inflating, and does not check the result afterwards: the part above the limit is
// never in memory.

import type { Bytes } from "../util/bytes.ts";
import { CloseCode } from "../protocol/close_frame.ts";
import type { Violation } from "../protocol/frame_header.ts";
import type { MessageTransform } from "../protocol/message_assembler.ts";

/** Up to this size the ratio does not matter: so little memory does no harm. */
const HARMLESS = 4_096;

/** The transform within `maxInflateRatio`. */
export function limitInflation(
  transform: MessageTransform,
  ratio: number,
  exceeded: () => void,
): MessageTransform {
  if (ratio === Infinity) return transform;
  return {
    threshold: transform.threshold,
    settings: transform.settings,
    independent: transform.independent ?? false,
    encode: (data) => transform.encode(data),
    encodeApart: (data) => transform.encodeApart(data),
    forget: () => transform.forget(),
    close: () => transform.close(),
    decode(payload, maxLength): Bytes | "too long" | "invalid" | Violation {
      const most = Math.max(HARMLESS, Math.floor(payload.length * ratio));
      if (most >= maxLength) return transform.decode(payload, maxLength);
      const plain = transform.decode(payload, most);
      if (plain !== "too long") return plain;
      exceeded();
      return {
        code: CloseCode.messageTooBig,
        kind: "maxInflateRatio",
        reason: `Message of more than ${ratio} times its compressed size (guard.maxInflateRatio)`,
      };
    },
  };
}
