// The compression options of `serve()` and `connect()`, and what `true` stands for.

import { flag, number, type OptionTable, withDefaults } from "../util/check_options.ts";

/**
 * Options of permessage-deflate (RFC 7692). An option that is not given is as with `compression:
 * true`.
 *
 * Most of the memory is zlib's, for the context of what is sent. At most 512 connections of a
 * process have such a context at a time: those that sent last. Any other connection keeps up to one
 * window of what it received, by default 4 KiB, and compresses its next message by itself. The
 * guide on compression (docs/guides/compression.md) has figures.
 */
export interface CompressionOptions {
  /**
   * The compression level, 0 (none) to 9 (best). Default: 1, which takes half the time of level 6
   * for 1 KiB of JSON, and gives an eighth more bytes.
   */
  readonly level?: number;
  /**
   * zlib's memory level, 1 to 9: how much memory it uses for a message, and keeps with a context.
   * Default: 5.
   */
  readonly memoryLevel?: number;
  /**
   * The base-2 logarithm of the LZ77 window, 8 to 15, for what is sent. A server also asks each
   * client to use this window, if the client allows it. A client asks the server only when this
   * option is given. Default: 12.
   */
  readonly windowBits?: number;
  /**
   * Whether a message may refer to those before it, which makes it smaller and takes memory.
   * Without it each message stands alone, and an idle connection costs nothing more. Default: true.
   */
  readonly contextTakeover?: boolean;
  /**
   * Messages of fewer octets are not compressed; 1,024 by default without context takeover.
   * Default: 128.
   */
  readonly threshold?: number;
}

/** What each option may be. */
export const COMPRESSION_OPTIONS: OptionTable<CompressionOptions> = {
  level: number("", { least: 0, most: 9 }),
  memoryLevel: number("", { most: 9 }),
  windowBits: number("", { least: 8, most: 15 }),
  contextTakeover: flag,
  threshold: number("octets", { least: 0 }),
};

/** The defaults. */
export const COMPRESSION_DEFAULTS: Required<CompressionOptions> = {
  level: 1,
  memoryLevel: 5,
  windowBits: 12,
  contextTakeover: true,
  threshold: 128,
};

/** The default of `threshold` for messages that are compressed each by itself. */
const APART = 1_024;

/** `CompressionOptions` with nothing missing. */
export interface ResolvedCompression extends Required<CompressionOptions> {
  /** Whether a client asks the server for the window too: only when the option was given. */
  readonly limitsPeer: boolean;
}

/**
 * Fills in what is missing; undefined for no compression. The options have been checked by
 * {@linkcode COMPRESSION_OPTIONS}.
 */
export function resolveCompression(
  options: boolean | CompressionOptions,
): ResolvedCompression | undefined {
  if (options === false) return undefined;
  const given = options === true ? {} : options;
  const resolved = withDefaults(given, COMPRESSION_DEFAULTS);
  return {
    ...resolved,
    threshold: given.threshold ?? (resolved.contextTakeover ? resolved.threshold : APART),
    limitsPeer: given.windowBits !== undefined,
  };
}
