// The compression options of `serve()` and `connect()`, and what `true` stands for.

/** Options of permessage-deflate (RFC 7692). What is not given is as `compression: true` has it. */
export interface CompressionOptions {
  /**
   * The compression level, 0 (none) to 9 (best). 1 unless told: for 1 KiB of JSON half the time of level 6, and an
   * eighth more bytes.
   */
  readonly level?: number;
  /** zlib's memory level, 1 to 9: memory while a message is compressed, none in between. 5 unless told. */
  readonly memoryLevel?: number;
  /**
   * The base-2 logarithm of the LZ77 window, 8 to 15, for both directions where the peer agrees. 12 unless told:
   * 4 KiB for each direction that takes its context over.
   */
  readonly windowBits?: number;
  /**
   * Whether a message may refer to those before it: smaller, for up to one window of memory in each direction.
   * Without it each message stands alone, and an idle connection costs nothing more. True unless told.
   */
  readonly contextTakeover?: boolean;
  /** Messages of fewer octets are not compressed. 128 unless told, 1,024 without context takeover. */
  readonly threshold?: number;
}

/** `CompressionOptions` with nothing missing. */
export interface ResolvedCompression extends Required<CompressionOptions> {
  /** Whether a client asks the server for the window too: only when it was given. */
  readonly limitsPeer: boolean;
}

/**
 * Fills in what is missing; undefined for no compression.
 *
 * @throws {RangeError} When a number is out of its range.
 */
export function resolveCompression(
  options: boolean | CompressionOptions,
): ResolvedCompression | undefined {
  if (options === false) return undefined;
  const given = options === true ? {} : options;
  const contextTakeover = given.contextTakeover ?? true;
  return {
    level: within("level", given.level ?? 1, 0, 9),
    memoryLevel: within("memoryLevel", given.memoryLevel ?? 5, 1, 9),
    windowBits: within("windowBits", given.windowBits ?? 12, 8, 15),
    limitsPeer: given.windowBits !== undefined,
    contextTakeover,
    threshold: within(
      "threshold",
      given.threshold ?? (contextTakeover ? 128 : 1024),
      0,
      Number.MAX_SAFE_INTEGER,
    ),
  };
}

function within(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`Expected compression.${name} to be ${least} to ${most}, got ${value}`);
}
