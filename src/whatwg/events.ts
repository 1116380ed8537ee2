// The events of the WHATWG's WebSocket and its `on…` attributes.
//
// Not every runtime has a CloseEvent (Node 20), and not every set of types has MessageEvent and CloseEvent,
// so the types are our own; the events are the runtime's where there are some.

/** A message has come. */
export interface WebSocketMessageEvent extends Event {
  /** A string, or for a binary message what `binaryType` says. */
  readonly data: string | Blob | ArrayBuffer;
  /** The origin of the server's URL. */
  readonly origin: string;
}

/** The connection failed; a close event follows. */
export interface WebSocketErrorEvent extends Event {
  /** What went wrong. The standard's event does not tell. */
  readonly error?: unknown;
}

/** The connection has ended. */
export interface WebSocketCloseEvent extends Event, WebSocketCloseEventInit {}

/** What a close event tells. */
export interface WebSocketCloseEventInit {
  /** The peer's close code; 1005 when its Close frame had none, 1006 when there was no such frame. */
  readonly code: number;
  /** The peer's reason. */
  readonly reason: string;
  /** Whether both Close frames were exchanged. */
  readonly wasClean: boolean;
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

type CloseEventClass = new (type: string, init: WebSocketCloseEventInit) => WebSocketCloseEvent;

const CloseEventHere: CloseEventClass =
  (globalThis as { CloseEvent?: CloseEventClass }).CloseEvent ??
    class CloseEvent extends Event implements WebSocketCloseEvent {
      readonly code: number;
      readonly reason: string;
      readonly wasClean: boolean;

      constructor(type: string, init: WebSocketCloseEventInit) {
        super(type);
        this.code = init.code;
        this.reason = init.reason;
        this.wasClean = init.wasClean;
      }
    };

/** Makes a close event. */
export function createCloseEvent(init: WebSocketCloseEventInit): WebSocketCloseEvent {
  return new CloseEventHere("close", init);
}

/** Makes an error event. */
export function createErrorEvent(error: unknown): WebSocketErrorEvent {
  return Object.assign(new Event("error"), { error });
}

interface HandlerEntry {
  handler: (event: Event) => unknown;
  readonly listener: (event: Event) => void;
}

const entries = new WeakMap<EventTarget, Map<string, HandlerEntry>>();

/**
 * Defines the `on…` attributes (HTML, event handlers): one handler for each type, called in the place that the
 * first one had among the listeners, until it is set to null.
 */
export function defineEventHandlers(prototype: EventTarget, types: readonly string[]): void {
  for (const type of types) {
    Object.defineProperty(prototype, `on${type}`, {
      get(this: EventTarget) {
        return entries.get(this)?.get(type)?.handler ?? null;
      },
      set(this: EventTarget, value: unknown) {
        setHandler(this, type, value);
      },
      enumerable: true,
      configurable: true,
    });
  }
}

function setHandler(target: EventTarget, type: string, value: unknown): void {
  let handlers = entries.get(target);
  if (handlers === undefined) entries.set(target, handlers = new Map());
  const entry = handlers.get(type);
  if (!isHandler(value)) {
    if (entry !== undefined) target.removeEventListener(type, entry.listener);
    handlers.delete(type);
  } else if (entry !== undefined) {
    entry.handler = value;
  } else {
    const added: HandlerEntry = {
      handler: value,
      listener: (event) => added.handler.call(target, event),
    };
    handlers.set(type, added);
    target.addEventListener(type, added.listener);
  }
}

function isHandler(value: unknown): value is (event: Event) => unknown {
  return typeof value === "function";
}
