// The events of the WHATWG's WebSocket and its `on…` attributes.
//
// Not every runtime has a CloseEvent (Node 20), and not every set of types has MessageEvent and
// CloseEvent, so the types are our own. The events are the runtime's own where it has them.

import { defineInterface, illegalInvocation, requireArguments, toDictionary } from "./web_idl.ts";

/** A message has come. */
export interface WebSocketMessageEvent extends Event {
  /** A string, or for a binary message what `binaryType` says. */
  readonly data: string | Blob | ArrayBuffer;
  /** The origin of the server's URL. */
  readonly origin: string;
}

/** The connection failed; a close event follows. */
export interface WebSocketErrorEvent extends Event {
  /** What went wrong. The event of the standard has no such attribute. */
  readonly error?: unknown;
}

/** The connection has ended. */
export interface WebSocketCloseEvent extends Event {
  /**
   * The peer's close code; 1005 when its Close frame had none, 1006 when there was no such frame.
   */
  readonly code: number;
  /** The peer's reason. */
  readonly reason: string;
  /** Whether both Close frames were exchanged. */
  readonly wasClean: boolean;
}

/** What a close event is made of. */
export interface WebSocketCloseEventInit {
  /** The close code. Default: 0. */
  readonly code?: number;
  /** The reason. Default: empty. */
  readonly reason?: string;
  /** Whether both Close frames were exchanged. Default: false. */
  readonly wasClean?: boolean;
  /** Whether the event bubbles. Default: false. */
  readonly bubbles?: boolean;
  /** Whether the event can be cancelled. Default: false. */
  readonly cancelable?: boolean;
  /** Whether the event leaves its shadow tree. Default: false. */
  readonly composed?: boolean;
}

/** The events of a WebSocket by type. */
export interface WebSocketEventMap {
  /** The opening handshake is complete. */
  readonly open: Event;
  /** A message has come. */
  readonly message: WebSocketMessageEvent;
  /** The connection failed. */
  readonly error: WebSocketErrorEvent;
  /** The connection has ended. */
  readonly close: WebSocketCloseEvent;
}

/** The value of an `on…` attribute. */
export type WebSocketEventHandler<Type extends keyof WebSocketEventMap> =
  | ((event: WebSocketEventMap[Type]) => unknown)
  | null;

/** The class of close events. */
export interface CloseEventClass {
  /** Makes a close event; what `init` leaves out is 0, empty or false. */
  new (type: string, init?: WebSocketCloseEventInit): WebSocketCloseEvent;
  /** What all close events have in common. */
  readonly prototype: WebSocketCloseEvent;
}

/**
 * The CloseEvent of the web platform: the runtime's own, or where it has none (Node 20) one like
 * it.
 */
export const CloseEvent: CloseEventClass =
  (globalThis as { CloseEvent?: CloseEventClass }).CloseEvent ?? createCloseEventClass();

/** A close event. */
export type CloseEvent = WebSocketCloseEvent;

/** Makes the class for a runtime that lacks it. */
export function createCloseEventClass(): CloseEventClass {
  class CloseEvent extends Event implements WebSocketCloseEvent {
    readonly #init: Pick<WebSocketCloseEvent, "code" | "reason" | "wasClean">;

    constructor(type: string, init: WebSocketCloseEventInit = {}) {
      requireArguments(arguments, 1, "CloseEvent constructor");
      const { code = 0, reason = "", wasClean = false, ...rest } = toDictionary(init, "init");
      super(type, rest);
      this.#init = {
        // What Web IDL calls ToUint16.
        code: new Uint16Array([Number(code)])[0]!,
        reason: toWellFormed(`${reason}`),
        wasClean: Boolean(wasClean),
      };
    }

    get wasClean(): boolean {
      return CloseEvent.#of(this).wasClean;
    }

    get code(): number {
      return CloseEvent.#of(this).code;
    }

    get reason(): string {
      return CloseEvent.#of(this).reason;
    }

    static #of(value: object): Pick<WebSocketCloseEvent, "code" | "reason" | "wasClean"> {
      if (#init in value) return value.#init;
      throw illegalInvocation("CloseEvent", value);
    }
  }
  defineInterface(CloseEvent, "CloseEvent");
  return CloseEvent;
}

/** Makes a close event. */
export function createCloseEvent(init: WebSocketCloseEventInit): WebSocketCloseEvent {
  return new CloseEvent("close", init);
}

/** Makes an error event. */
export function createErrorEvent(error: unknown): WebSocketErrorEvent {
  return Object.assign(new Event("error"), { error });
}

interface HandlerEntry {
  handler: object;
  readonly listener: (event: Event) => void;
}

const entries = new WeakMap<object, Map<string, HandlerEntry>>();

/**
 * Defines the `on…` attributes (HTML, event handlers): one handler for each type. It is called in
 * the place that the first handler took among the listeners, until it is set to null. Any object is
 * kept, but only a function is called.
 *
 * @param prototype Where to define them.
 * @param types The types of events.
 * @param check Throws when an attribute is used on something else.
 */
export function defineEventHandlers(
  prototype: EventTarget,
  types: readonly string[],
  check: (value: object) => void,
): void {
  for (const type of types) {
    const key = `on${type}`;
    // An object literal, so that the functions have the right names.
    const attribute = {
      get [key](): unknown {
        check(this);
        return entries.get(this)?.get(type)?.handler ?? null;
      },
      set [key](value: unknown) {
        check(this);
        setHandler(this as unknown as EventTarget, type, value);
      },
    };
    Object.defineProperty(prototype, key, {
      ...Object.getOwnPropertyDescriptor(attribute, key),
      enumerable: true,
    });
  }
}

function setHandler(target: EventTarget, type: string, value: unknown): void {
  let handlers = entries.get(target);
  if (handlers === undefined) entries.set(target, handlers = new Map());
  const entry = handlers.get(type);
  if (!isObject(value)) {
    if (entry !== undefined) target.removeEventListener(type, entry.listener);
    handlers.delete(type);
  } else if (entry !== undefined) {
    entry.handler = value;
  } else {
    const added: HandlerEntry = {
      handler: value,
      listener: (event) => {
        const { handler } = added;
        // HTML: a handler that returns false prevents the default.
        if (isFunction(handler) && handler.call(target, event) === false) event.preventDefault();
      },
    };
    handlers.set(type, added);
    target.addEventListener(type, added.listener);
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function isFunction(value: object): value is (event: Event) => unknown {
  return typeof value === "function";
}

/** `String.prototype.toWellFormed()`, which not every runtime has. */
function toWellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}
