/**
 * The pure core: frames, messages, the protocol's state machine, HTTP/1.1 heads and the opening
 * handshake, as functions and classes that do no I/O. For programs that bring their own byte
 * stream.
 *
 * @module @sansocket/ws/core
 */

import { checkRuntime } from "./util/requirements.ts";

checkRuntime();

export { formatRefusal, type HandshakeRefusal, type RefusalCause } from "./handshake/refusal.ts";
export type { BinaryData, Bytes } from "./util/bytes.ts";
export {
  CloseCode,
  type CloseStatus,
  decodeCloseBody,
  encodeCloseBody,
  isWireCloseCode,
} from "./protocol/close_frame.ts";
export type { DeflateBackend, Deflater, DeflateSettings } from "./deflate/backend.ts";
export { FrameDecoder } from "./protocol/frame_decoder.ts";
export { FrameEncoder } from "./protocol/frame_encoder.ts";
export { FrameParser } from "./protocol/whole_frames.ts";
export {
  type DecodedFrame,
  decodeFrame,
  type DecodeFrameOptions,
  encodeFrame,
  type FrameToEncode,
} from "./protocol/single_frame.ts";
export {
  type CloseInfo,
  ConnectionClosed,
  type EndedBy,
  HandshakeError,
  ProtocolError,
} from "./protocol/errors.ts";
export type { ViolationCause, ViolationCode } from "./protocol/violation.ts";
export {
  type ExtensionOffer,
  type ExtensionParameter,
  formatExtensions,
  parseExtensions,
} from "./http/extension_header.ts";
export {
  checkHeader,
  createFrameHeader,
  type FrameHeader,
  headerLength,
  Opcode,
  readHeader,
  type Role,
  type Violation,
  writeHeader,
} from "./protocol/frame_header.ts";
export {
  type ClientHandshake,
  type ClientHandshakeOptions,
  createRequest,
  type EstablishedHandshake,
  type FailedHandshake,
  type HandshakeFault,
  judgeResponse,
  parseUrl,
} from "./handshake/client.ts";
export { computeAccept, createKey, isKey } from "./handshake/key.ts";
export { isOriginAllowed, type Peers } from "./handshake/origin.ts";
export {
  type AcceptanceOptions,
  formatAcceptance,
  type HandshakeAcceptance,
  isUpgradeRequest,
  judgeRequest,
  refuseOrigin,
} from "./handshake/server.ts";
export {
  BodyDecoder,
  type BodyFraming,
  type BodyLimits,
  type BodyStep,
  encodeChunk,
  LAST_CHUNK,
  requestFraming,
  responseFraming,
} from "./http/body.ts";
export { HeaderFields } from "./http/fields.ts";
export { type ListElement, type Parameter, parseParameterizedList } from "./http/lists.ts";
export { formatRequestHead, formatResponseHead, standardStatusText } from "./http/format.ts";
export {
  createRequestParser,
  createResponseParser,
  type HeadFault,
  type HeadLimits,
  HeadParser,
  type HeadResult,
  type RequestHead,
  type ResponseHead,
  type StartLine,
} from "./http/head.ts";
export { applyMask, createMaskingKey } from "./protocol/mask.ts";
export {
  type CompressedMessage,
  type FrameGuard,
  MessageAssembler,
  type MessageDecoder,
  type MessageLimits,
  type MessageTransform,
} from "./protocol/message_assembler.ts";
export { PreparedFrame, PreparedMessage } from "./protocol/prepared_message.ts";
export type { Sendable, SendOptions } from "./protocol/sendable.ts";
export type { ProtocolState } from "./protocol/close_state.ts";
export { Protocol } from "./protocol/protocol.ts";
export type { ProtocolEvent } from "./protocol/protocol_event.ts";
export { ProtocolSettings } from "./protocol/protocol_settings.ts";
export type { AddressOptions, IpFamily, Lookup, LookupOptions } from "./transport/addresses.ts";
export type {
  TlsCertificate,
  TlsClientOptions,
  TlsCommonOptions,
  TlsInfo,
  TlsPeerCertificate,
  TlsServerOptions,
  TlsVersion,
} from "./transport/tls.ts";
export type {
  Address,
  Arrival,
  DialOptions,
  Listener,
  ListenOptions,
  Runtime,
  SecureOptions,
  StreamAdapter,
  Transport,
  TransportSink,
} from "./transport/transport.ts";
export type { Clock, Deadline, Watched } from "./util/clock.ts";
export { Utf8Validator } from "./util/utf8.ts";
