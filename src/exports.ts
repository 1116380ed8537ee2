// The types that the signatures of the entry points name. Each entry point with such signatures
// exports all of them, so that a program can name what a call takes and returns with one import.
// Classes are exported as classes, not as types: a bundle of types does not show the difference
// between a class whose type alone is exported and one that exists at run time.

export type { Connect, ConnectOptions, CookieJar } from "./client/connect.ts";
export type { DialContext, DialFunction, DialledStream, NodeByteStream } from "./client/dial.ts";
export type { ProxyChoice, ProxyFunction, ProxyOptions } from "./client/proxy.ts";
export { ProxyError } from "./client/proxy_error.ts";
export type {
  WebSocketClass,
  WebSocketInstance,
  WebSocketOptions,
  WebSocketStates,
} from "./client/websocket.ts";
export type {
  WebSocketStreamClass,
  WebSocketStreamInstance,
  WebSocketStreamOptions,
} from "./client/websocket_stream.ts";
export type { WebSocketCloseInfo } from "./client/whatwg_error.ts";
export type {
  CloseEventClass,
  WebSocketCloseEvent,
  WebSocketCloseEventInit,
  WebSocketErrorEvent,
  WebSocketEventHandler,
  WebSocketEventMap,
  WebSocketMessageEvent,
} from "./client/whatwg_events.ts";
export type { WebSocketOpenInfo } from "./client/whatwg_streams.ts";
export type { ClientConnection } from "./reconnect/client_connection.ts";
export type { ReconnectFailure } from "./reconnect/failure.ts";
export { MessageRefused, type MessageRefusedCode } from "./reconnect/message_refused.ts";
export type {
  PerAttempt,
  ReconnectAttempt,
  ReconnectSettings,
  ReconnectWait,
} from "./reconnect/options.ts";
export type { Reconnect, ReconnectOptions } from "./reconnect/reconnect.ts";
export { ReconnectingConnection } from "./reconnect/reconnecting_connection.ts";
export type { ReconnectState } from "./reconnect/reconnector.ts";
export type { QueuePolicy } from "./reconnect/send_queue.ts";
export { type ConnectionState, WebSocketConnection } from "./connection/connection.ts";
export type { Overflow } from "./connection/endpoint_consumer.ts";
export type {
  ConnectHooks,
  WebSocketFunction,
  WebSocketHandler,
  WebSocketHooks,
} from "./connection/handler.ts";
export type { HandshakeResponse } from "./connection/handshake_result.ts";
export type { HandshakeFault } from "./handshake/client.ts";
export type { JsonConnection } from "./connection/json.ts";
export type { ConnectionLimits, HeartbeatOptions } from "./connection/limits.ts";
export type { Message, ReceiveOptions } from "./connection/message.ts";
export { MessageStream } from "./connection/message_stream.ts";
export type { MessageSource } from "./connection/outbox.ts";
export type {
  LatestMessages,
  PresenceOptions,
  Publishable,
  PublishOptions,
  PublishResult,
  RecoveryReason,
  SendResult,
  SubscribeOptions,
  SubscribeResult,
  TopicPosition,
} from "./connection/publishing.ts";
export type {
  TraceEvent,
  TraceFrame,
  TraceFunction,
  TraceHandshake,
  TraceOptions,
  TraceStamp,
  TraceState,
} from "./connection/trace.ts";
export type { CompressionOptions } from "./deflate/options.ts";
export type { FileHandler, FileOptions, SingleFileOptions } from "./files/file_handler.ts";
export type { HtmlFile, HtmlValues } from "./files/html_file.ts";
export type { GuardOptions } from "./guard/options.ts";
export type { CloseCause, ServerStats } from "./guard/stats.ts";
export type { OriginFunction, Origins } from "./handshake/origin_policy.ts";
export type { RefusalCause } from "./handshake/refusal.ts";
export type { Credentials } from "./http/credentials.ts";
export type { CloseStatus } from "./protocol/close_code.ts";
export {
  type CloseInfo,
  ConnectionClosed,
  type EndedBy,
  HandshakeError,
  ProtocolError,
} from "./protocol/errors.ts";
export { PreparedMessage } from "./protocol/prepared_message.ts";
export type { SendOptions } from "./protocol/sendable.ts";
export type { ViolationCause, ViolationCode } from "./protocol/violation.ts";
export type { TrustProxy } from "./proxy/trust.ts";
export type { FetchHandler, FetchTools } from "./server/context.ts";
export type { Form, FormOptions } from "./server/form.ts";
export type { Refusal, RefusedRequest } from "./server/report_refusal.ts";
export type { MethodRoute, RouteMethod } from "./server/route_methods.ts";
export type { RouteParamName, RouteParams } from "./server/route_pattern.ts";
export type {
  Route,
  RouteData,
  RouteFunction,
  Routes,
  RouteTools,
  SocketRoute,
} from "./server/routes.ts";
export type {
  FetchServerOptions,
  ListeningOptions,
  RouteServerOptions,
  ServeOptions,
  ServerOptions,
  WebSocketServerOptions,
} from "./server/options.ts";
export { Html } from "./server/html.ts";
export type { Serve, Server } from "./server/serve.ts";
export type { ServerCloseOptions } from "./server/shutdown.ts";
export type { ProtocolChooser, Upgrade, UpgradeOptions } from "./server/upgrade.ts";
export type { TopicListener } from "./topics/topic.ts";
export type {
  Backplane,
  BackplaneSink,
  HistoryStore,
  PresenceEntry,
  PresenceStore,
  Retention,
  StoredPosition,
  StorePage,
  StorePosition,
  StoreReceipt,
} from "./topics/backplane.ts";
export type { HistoryMessage, HistoryOptions, HistoryResult } from "./topics/history.ts";
export type { HistoryRule } from "./topics/history_rules.ts";
export type { HistoryStats } from "./topics/memory_history.ts";
export type { Topics, TopicsCloseOptions, TopicsStats } from "./topics/hub_topics.ts";
export type { PresenceEvent, PresenceMember, TopicPresence } from "./topics/presence.ts";
export { FlushError } from "./topics/outgoing.ts";
export type { RelayStats, TopicGap, TopicsState } from "./topics/relay_stats.ts";
export type { BrokerOrder, TopicsOptions } from "./topics/topics.ts";
export type { DevelopmentCertificateOptions } from "./transport/certificate.ts";
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
export type { Address } from "./transport/transport.ts";
export type { ByteStreamPair } from "./transport/web_transport.ts";
export type { BinaryData, Bytes } from "./util/bytes.ts";
export type { AsyncDisposal, HeadersSource } from "./util/platform.ts";
export type { Clock, Deadline, Watched } from "./util/clock.ts";
