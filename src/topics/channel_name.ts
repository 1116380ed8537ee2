// The channels of a broker: one for each topic, one for who is present there, and one for each
// process.
//
// A name of a topic is any text, and nothing in it may be syntax of a broker (`*`, `.`, `>`, `{}`,
// spaces). So only letters, digits, `-` and `_` stay as they are, and every other octet of its
// UTF-8 becomes `%` and two hexadecimal digits. Two topics never share a channel.

import { kind, type OptionRule } from "../util/check_options.ts";
import { encodeUtf8 } from "../util/utf8.ts";

// A dot ends a part of a name in NATS, where permissions are given by parts: none may be empty.
const PREFIX = /^(?!\.)(?!.*\.\.)[\w:.-]{1,32}$/;

/** What the option `prefix` may be. */
export const prefixRule: OptionRule = kind(
  "1 to 32 letters, digits, hyphens, underscores and colons, with dots between or behind them",
  (value) => typeof value === "string" && PREFIX.test(value),
);

/** What a channel of a topic carries: messages, messages with history, or who is present. */
export type ChannelKind = "t" | "h" | "p";

/** The channel of a topic. */
export function topicChannel(prefix: string, topic: string, kind: ChannelKind = "t"): string {
  if (/^[\w-]*$/.test(topic)) return `${prefix}${kind}:${topic}`;
  let name = `${prefix}${kind}:`;
  for (const octet of encodeUtf8(topic)) {
    const character = String.fromCharCode(octet);
    name += /[\w-]/.test(character)
      ? character
      : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return name;
}

/** The channel on which a process gets messages for its connections. */
export function inboxChannel(prefix: string, id: string): string {
  return `${prefix}i:${id}`;
}

/** The name of the lease of a process. */
export function leaseName(prefix: string, id: string): string {
  return `${prefix}l:${id}`;
}
