// A connection as an iteration of its messages.

import type { Message } from "./message.ts";
import { ConnectionClosed } from "../protocol/errors.ts";

/** What an iteration makes of an error: its end, or it throws. */
export type IterationEnd = (error: unknown) => IteratorResult<Message>;

/** What is iterated. */
interface Source {
  /** The next message, or what `failed` makes of the error. */
  next(failed: IterationEnd): Promise<IteratorResult<Message>>;
  /** An iteration begins; each one ends once. */
  beginIteration(): void;
  /** An iteration has ended. */
  endIteration(): void;
}

/**
 * The messages of a connection until it ends. The iteration ends normally when the connection ended
 * as intended, and throws otherwise.
 */
export function iterateMessages(source: Source): AsyncIterableIterator<Message> {
  let running = false;
  const end = (): void => {
    if (running) source.endIteration();
    running = false;
  };
  const failed: IterationEnd = (error) => {
    end();
    return finish(error);
  };
  return {
    next() {
      if (!running) {
        running = true;
        source.beginIteration();
      }
      return source.next(failed);
    },
    return() {
      end();
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** A message, as an iteration gives it. */
export function toResult(value: Message): IteratorResult<Message> {
  return { done: false, value };
}

function finish(error: unknown): IteratorResult<Message> {
  if (error instanceof ConnectionClosed && error.info.final && error.info.orderly) {
    return { done: true, value: undefined };
  }
  throw error;
}
