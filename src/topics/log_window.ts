// What a process has of a topic's history for those that come back: pages that were read from the
// store, one behind the other, and what was delivered meanwhile.

import type { Dispatcher } from "../connection/dispatcher.ts";
import type { KeptMessage, Window } from "./history.ts";

/** A message that the store has numbered. */
export interface StoredMessage {
  /** The message. */
  readonly kept: KeptMessage;
  /** Who does not get it. */
  readonly except: Dispatcher | undefined;
}

/** What a log has read. */
export interface LogPage {
  /** See `StorePage`. */
  readonly epoch: string;
  /** See `StorePage`. */
  readonly offset: number;
  /** See `StorePage`. */
  readonly messages: readonly StoredMessage[];
  /** See `StorePage`. */
  readonly complete: boolean;
  /** The offset up to which there is nothing more to read. */
  readonly end: number;
}

/** What was read, with what was delivered since. */
export type OpenWindow = Window & { messages: KeptMessage[]; last: number };

/** Adds to a window what was read behind it, and what was delivered while that was read. */
export function extend(
  window: OpenWindow | undefined,
  { epoch, end, messages, complete }: LogPage,
  recent: readonly KeptMessage[],
  size: number,
  consecutive: boolean,
): OpenWindow {
  // Where some between them have gone, those before are left out: a window has no hole.
  const all = window !== undefined && complete ? window.messages : [];
  for (const { kept } of messages) all.push(kept);
  let last = end;
  for (const one of recent) {
    if (one.position.offset <= last) continue;
    all.push(one);
    last = one.position.offset;
  }
  const kept = all.slice(-size);
  const first = kept[0]?.position.offset;
  const gone = first === undefined ? last : consecutive ? first - 1 : first;
  return { epoch, messages: kept, last, gone };
}
