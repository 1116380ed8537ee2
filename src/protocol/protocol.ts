// The WebSocket protocol of one connection behind the opening handshake, RFC 6455 sections 5 to 7:
// bytes in, events out; commands in, bytes out. No I/O, no time.
//
// 1. The caller pulls: `receive()` stores a chunk, `nextEvent()` parses as far as the next event.
//    When the consumer is behind, the caller sets `holding`: parsing then stops at the next data
//    frame of a message of more than `allowance` octets, and control frames before that are still
//    answered. What is parsed while holding lies in memory of its own.
// 2. State is one value, and every way to stop reading is a state:
//
//        open    -> closing     this end sent a Close frame; messages of the peer are discarded
//        open    -> discarding  the peer sent its Close frame and got ours, or this end failed it
//        closing -> discarding  the peer answered, or did something that fails the connection
//        any     -> closed      the byte stream is gone
//
// 3. The protocol answers Pings and Close frames. While the transport takes nothing, one Pong waits
//    (pending_pong.ts). With `announcesClose` the protocol first announces a Close frame, so that
//    the caller can send what is due before the answer.

import { type Bytes, EMPTY } from "../util/bytes.ts";
import { CloseCode, encodeCloseBody } from "./close_frame.ts";
import { FrameDecoder } from "./frame_decoder.ts";
import { FrameEncoder } from "./frame_encoder.ts";
import { CloseState, type ProtocolState } from "./close_state.ts";
import { type CloseInfo, ProtocolError, toProtocolError } from "./errors.ts";
import {
  checkControlLength,
  checkHeader,
  messageOpcode,
  Opcode,
  type Role,
  type Violation,
} from "./frame_header.ts";
import {
  checkMessageLimits,
  type CompressedMessage,
  type FrameGuard,
  invalidText,
  MessageAssembler,
  type MessageLimits,
  type MessageTransform,
} from "./message_assembler.ts";
import { PendingPong } from "./pending_pong.ts";
import type { PreparedMessage } from "./prepared_message.ts";
import { encodeSendable, findFrame, type Sendable } from "./sendable.ts";
import type { ProtocolEvent } from "./protocol_event.ts";
import { ProtocolSettings } from "./protocol_settings.ts";
import { forgetReceived } from "./last_received.ts";

/** The RFC 6455 state machine of one end of a connection. docs/guides/core.md drives it. */
export class Protocol extends ProtocolSettings {
  /** Which end of the connection this is. */
  readonly role: Role;
  /** Where the connection stands. */
  state: ProtocolState = "open";
  /** Bytes to write. */
  readonly output: FrameEncoder;
  readonly #transform: MessageTransform | undefined;
  /**
   * What the last event carries: the message or the piece of it, or the payload of the Ping or
   * Pong.
   */
  data: string | Bytes = EMPTY;
  /** The message of the last event "compressed", to be given to `inflate()`. */
  compressed: CompressedMessage | undefined;
  /** Whether the last "chunk" was the end of its message. */
  last = true;
  /** Bytes that came and have not been parsed. */
  readonly input: FrameDecoder = new FrameDecoder();
  /** Made for the first message that does not come whole in a chunk. */
  #assembler: MessageAssembler | undefined;
  readonly #limits: MessageLimits;
  readonly #guard: FrameGuard | undefined;
  /** Whether a header has been read whose payload is not complete. */
  #inFrame = false;
  /** Whether the message in progress is streamed. */
  #streaming = false;
  /** A violation that has been announced, and has not failed the connection yet. */
  #violation: Violation | undefined;
  /** Made for the first Pong that has to wait. */
  #pendingPong: PendingPong | undefined;
  /** What is known of the end, once there is something to know. */
  #closeState: CloseState | undefined;

  /**
   * The protocol for one end, with its limits, the extension that was negotiated, and a guard
   * against abuse.
   *
   * @throws {TypeError} When a limit is missing or no number.
   * @throws {RangeError} When a limit is out of its range.
   */
  constructor(
    role: Role,
    limits: MessageLimits,
    transform?: MessageTransform,
    guard?: FrameGuard,
  ) {
    super();
    checkMessageLimits("Protocol", limits);
    this.role = role;
    this.#limits = limits;
    this.output = new FrameEncoder(role === "client");
    this.#transform = transform;
    this.#guard = guard;
  }

  /** Whether a frame or a message has begun and not ended. */
  get receiving(): boolean {
    return this.#inFrame || this.input.inHeader || !!this.#assembler?.inProgress;
  }

  /** Whether a close timer must run: closing has begun and the byte stream has not ended. */
  get closeTimerDue(): boolean {
    return this.state === "closing" || this.state === "discarding";
  }

  /**
   * Whether this end must end the byte stream once the output is written: the server ends it first
   * (section 7.1.1), and so does an end that fails the connection.
   */
  get endDue(): boolean {
    return this.state === "discarding" &&
      (this.role === "server" || this.#closeState?.broken === true);
  }

  /**
   * Whether a data frame has to wait because the consumer is behind: nothing may be read until it
   * has caught up.
   */
  get blocked(): boolean {
    return this.holding && this.#inFrame && this.state === "open" &&
      this.input.header.opcode < Opcode.close &&
      (this.#streaming ? this.input.available : this.declared) > this.allowance;
  }

  /**
   * Octets that the frames of the message at hand declare so far; when it is complete, the octets
   * that it came in.
   */
  get declared(): number {
    return this.#assembler?.declared ?? 0;
  }

  /** Whether the peer broke the protocol, or a limit. */
  get violated(): boolean {
    return this.#closeState?.cause instanceof ProtocolError;
  }

  /**
   * The memory into which the transport may read the next bytes, from its start, when they belong
   * to a large message.
   */
  get room(): Bytes | undefined {
    const { remaining } = this.input;
    return remaining === 0 || this.state !== "open" ? undefined : this.#assembler?.room(remaining);
  }

  /**
   * Stores a chunk, which is the protocol's from now on, or lent until `input.own()`. The chunk
   * before must have been parsed to its end.
   */
  receive(chunk: Bytes, lent = false): void {
    if (this.state === "open" || this.state === "closing") this.input.push(chunk, lent);
  }

  /**
   * Parses as far as the next event; undefined when the chunk is used up or the protocol is
   * blocked.
   */
  nextEvent(): ProtocolEvent | undefined {
    const message = this.nextMessage();
    if (message === undefined) return this.nextOther();
    this.data = message;
    return "message";
  }

  /**
   * `nextEvent()` for a caller that has just called `nextMessage()`: finds any event, and judges
   * every header.
   */
  nextOther(): ProtocolEvent | undefined {
    const { input: decoder } = this;
    forgetReceived();
    if (this.#violation !== undefined) return this.#meet(this.#violation);
    while (this.state === "open" || this.state === "closing") {
      if (!this.#inFrame) {
        if (!decoder.readHeader()) return undefined;
        const violation = this.#beginFrame();
        if (violation !== undefined) return this.#meet(violation);
        this.#inFrame = true;
      }
      if (this.blocked) return undefined;
      if (this.announcesClose && decoder.header.opcode === Opcode.close && this.state === "open") {
        return "closing";
      }
      if (!decoder.readPayload()) return undefined;
      const complete = decoder.remaining === 0;
      this.#inFrame = !complete;
      const { opcode, fin } = decoder.header;
      if (opcode >= Opcode.close) {
        const payload = decoder.takeControl();
        if (payload !== undefined) return this.#receiveControl(opcode, payload);
      } else if (this.state === "open") {
        const assembler = this.#assembler!;
        const last = complete && fin;
        // Decided now, not with the header: the consumer can choose until the protocol reads the
        // payload.
        const { holding } = this;
        const { declared, compressed } = assembler;
        const streamed = this.#streaming ||
          (holding
            ? declared >= this.excessFrom && assembler.droppable
            : declared >= this.streamFrom && !compressed);
        const violation = assembler.read(decoder, last, streamed, holding);
        if (violation !== undefined) return this.#meet(violation);
        if (!streamed && !last) continue;
        this.compressed = compressed ? assembler.takeCompressed() : undefined;
        if (this.compressed !== undefined) return "compressed";
        this.data = assembler.take();
        if (!streamed) return "message";
        this.last = last;
        this.#streaming = !last;
        if (last || compressed || this.data.length > 0) return "chunk";
      } else if (complete && fin) {
        this.#assembler?.reset();
      }
    }
    return undefined;
  }

  /**
   * The message that comes next, if it is whole as nearly all are (see
   * `FrameDecoder.readMessage()`); undefined for anything else, which `nextOther()` then finds.
   * `nextEvent()` calls both in turn and stores the message: that costs V8 10 of the 250 ns that an
   * echo of 20 octets takes.
   */
  nextMessage(): string | Bytes | undefined {
    forgetReceived();
    if (this.#inFrame || this.#assembler?.inProgress) return undefined;
    if (this.holding || this.state !== "open") return undefined;
    const decoder = this.input;
    const most = Math.min(this.#limits.maxMessageSize, this.streamFrom - 1);
    const text = decoder.readMessage(this.role === "server", most, true);
    if (text === undefined) return undefined;
    const message = text ? decoder.decode() : decoder.keep();
    if (message === undefined) this.#announce(invalidText);
    return message;
  }

  /** A consumer that is behind may first answer earlier messages: see `announcesClose`. */
  #meet(violation: Violation): ProtocolEvent {
    if (this.announcesClose && this.holding) {
      this.#announce(violation);
      return "closing";
    }
    this.#violation = undefined;
    this.#inFrame = false;
    return this.fail(violation);
  }

  /** `nextOther()` handles it next; nothing is parsed until then. */
  #announce(violation: Violation): void {
    this.#violation = violation;
    this.#inFrame = true;
  }

  #beginFrame(): Violation | undefined {
    const { header } = this.input;
    const assembler = this.#assembler ??= new MessageAssembler(this.#limits, this.#transform);
    const starts = header.opcode === Opcode.text || header.opcode === Opcode.binary;
    const transforms = this.#transform !== undefined;
    const violation = checkHeader(header, this.role, assembler.inProgress, transforms);
    if (violation !== undefined) return violation;
    if (header.opcode >= Opcode.close) return undefined;
    if (starts) assembler.begin(header.opcode === Opcode.text, header.reserved !== 0);
    return assembler.frame(header.payloadLength) ??
      this.#guard?.frame(header.payloadLength, !starts || !header.fin);
  }

  #receiveControl(opcode: number, payload: Bytes): ProtocolEvent {
    this.data = payload;
    if (opcode === Opcode.close) return this.#receiveClose(payload);
    if (opcode === Opcode.pong) return "pong";
    if (!this.answersPings) return "ping";
    if (this.congested) (this.#pendingPong ??= new PendingPong()).replace(payload);
    else this.output.binary(Opcode.pong, payload);
    return "ping";
  }

  #receiveClose(body: Bytes): ProtocolEvent {
    const received = this.#known.receive(body);
    if ("kind" in received) return this.fail(received);
    // Section 5.5.1: the answer typically echoes the code.
    if (this.state === "open") this.#writeClose(received.code, "");
    this.#discard();
    return "close";
  }

  /**
   * Whether a compressed message that is dropped need not be inflated: see
   * `MessageDecoder.independent`.
   */
  get independent(): boolean {
    return this.#transform?.independent === true;
  }

  /**
   * Inflates a message that was parsed while holding, or returns why that failed. The caller
   * inflates each such message once, in their order, also after the end of the connection.
   */
  inflate(message: CompressedMessage): string | Bytes | ProtocolError {
    const assembler = this.#assembler!;
    const violation = assembler.inflate(message);
    if (violation === undefined) return assembler.take();
    const error = toProtocolError(violation);
    this.fail(violation);
    // After the peer's Close frame this no longer fails the connection, but the end is not clean
    // either.
    if (this.state === "discarding") this.#known.cause ??= error;
    return error;
  }

  /**
   * Fails the connection for what the peer did, or with 1011 for an error of this end: sends a
   * Close frame if it can, and reads no more.
   */
  fail(why: Violation | Error): ProtocolEvent {
    if (this.state !== "open" && this.state !== "closing") return "close";
    const { code, reason } = this.#known.fail(why);
    if (this.state === "open") this.#writeClose(code, reason);
    this.#discard();
    return "close";
  }

  #writeClose(code: number, reason: string): void {
    this.flushPong();
    const body = encodeCloseBody(code === CloseCode.noStatus ? undefined : code, reason);
    this.output.binary(Opcode.close, body);
    this.#known.sent = { code, reason };
  }

  #discard(): void {
    this.state = "discarding";
    this.input.discard();
    this.#inFrame = false;
    this.#violation = undefined;
    this.#assembler?.reset();
    this.#pendingPong?.drop();
  }

  /**
   * Encodes a message, compressed where that was negotiated and is worth it. `text` says that bytes
   * are UTF-8. The state must be open.
   */
  send(data: Sendable, compress = true, text: boolean = typeof data === "string"): void {
    if (this.state !== "open") throw notOpen(this.state);
    encodeSendable(this.output, data, compress ? this.#transform : undefined, text);
  }

  /** Encodes a message for many. The state must be open. */
  sendPrepared(message: PreparedMessage): void {
    if (this.state !== "open") throw notOpen(this.state);
    this.output.prepared(findFrame!(message, this.#transform));
  }

  /**
   * Encodes a fragment of a message, not compressed. Only control frames may stand between two
   * fragments. The state must be open.
   */
  sendFragment(data: string | Uint8Array, first: boolean, fin: boolean): void {
    if (this.state !== "open") throw notOpen(this.state);
    this.output.message(first ? messageOpcode(data) : Opcode.continuation, data, fin);
  }

  /**
   * Encodes a Ping. Throws a RangeError when it has more than 125 octets. The state must be open.
   */
  ping(payload: Uint8Array): void {
    if (this.state !== "open") throw notOpen(this.state);
    checkControlLength("Ping payload", payload.length);
    this.output.binary(Opcode.ping, payload);
  }

  /** Encodes a Pong that the protocol does not send by itself. It throws as `ping()` does. */
  pong(payload: Uint8Array): void {
    if (this.state !== "open") throw notOpen(this.state);
    checkControlLength("Pong payload", payload.length);
    this.output.binary(Opcode.pong, payload);
  }

  /** Encodes the Pong that waits, if one does. */
  flushPong(): void {
    this.#pendingPong?.flush(this.output);
  }

  /**
   * Starts the closing handshake (section 7.1.2); does nothing when it has begun.
   *
   * @throws {RangeError} When the code may not be sent or the reason is longer than 123 octets of
   * UTF-8.
   */
  close(code: number | undefined, reason: string): void {
    encodeCloseBody(code, reason);
    if (this.state !== "open") return;
    this.#writeClose(code ?? CloseCode.noStatus, reason);
    this.#known.initiator = "local";
    this.state = "closing";
  }

  /**
   * The peer has ended its side of the byte stream. Without a Close frame the connection was
   * dropped (section 7.1.5).
   */
  receiveEnd(): void {
    if (this.state === "open" || this.state === "closing") {
      this.abort(new Error("The peer ended the connection without a Close frame"), "transport");
    }
  }

  /** Gives the connection up without a closing handshake; `cause` says why. */
  abort(cause: Error, endedBy: "local" | "timeout" | "transport"): void {
    if (this.state === "closed") return;
    this.#known.drop(cause, endedBy);
    this.#discard();
  }

  /**
   * The byte stream is gone: returns how the connection ended. For `unsent` and `closeLeft` see
   * `CloseState.end()`; `roundTrip` becomes a part of the result.
   */
  end(
    error: Error | undefined,
    unsent = 0,
    closeLeft: boolean = unsent === 0,
    roundTrip?: number,
  ): CloseInfo {
    if (this.state !== "closed") this.#known.end(error, unsent, closeLeft);
    if (this.state === "open" || this.state === "closing") this.#discard();
    this.state = "closed";
    if (this.allowance < 0) this.dispose();
    return this.#known.toInfo(true, roundTrip);
  }

  /** What is known of the end so far. */
  get known(): CloseInfo {
    return this.#known.toInfo(this.state === "closed");
  }

  /**
   * Frees what inflates messages. `end()` calls it unless a message may still wait to be inflated,
   * which needs an `allowance`.
   */
  dispose(): void {
    this.#transform?.close();
  }

  get #known(): CloseState {
    return this.#closeState ??= new CloseState();
  }
}

function notOpen(state: ProtocolState): Error {
  return new Error(`Sent in state ${state}, expected open`);
}
