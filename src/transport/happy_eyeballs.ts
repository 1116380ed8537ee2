// Connecting to a host that has several addresses (RFC 8305).
//
// 1. The next address is tried after 250 ms, or at once when an attempt has failed. Those under way
//    go on: a network may be slow, and not dead.
// 2. The first TCP connection wins, and the others are given up. The TLS handshake comes behind it,
//    so that a server far away does not have to do several.
// 3. A host with one address is dialled directly, with nothing in between.

import { abortReason, onAbort, unlessAborted } from "../util/abort.ts";
import { type Clock, systemClock } from "../util/clock.ts";
import { ask, familyOf, familyWanted, interleave, type IpFamily } from "./addresses.ts";
import { refuseAddresses, withoutAddress } from "./addresses.ts";
import type { Address, DialOptions, Transport } from "./transport.ts";

/** Milliseconds until the next address is tried (RFC 8305 section 5). */
const ATTEMPT_DELAY = 250;

/** Codes that say that this machine has no way to a family of addresses. */
const NO_WAY: readonly unknown[] = ["EADDRNOTAVAIL", "EHOSTUNREACH", "ENETUNREACH"];

/** Where to connect to: a host, and which of its addresses. */
export interface DialTarget extends Address {
  /** The IP address; undefined where `hostname` is one, and where the runtime looks it up. */
  readonly ip?: string;
  /** Called when TCP is connected, before any TLS. */
  readonly connected?: () => void;
}

/** Connects to one address of a host. */
export type DialAddress = (target: DialTarget, options: DialOptions) => Promise<Transport>;

/** Finds the addresses of a host as the system does; it rejects with errors for the caller. */
export type SystemLookup = (
  address: Address,
  family: IpFamily | undefined,
) => Promise<readonly string[]>;

/** The system's lookup for a call with such options; undefined leaves that to the runtime. */
export type SystemLookupFor = (
  options: DialOptions,
) => SystemLookup | undefined | Promise<SystemLookup | undefined>;

/**
 * Connects to a host by one of its addresses.
 *
 * @param address Where to.
 * @param options How; with `lookup`, the program says what the addresses are.
 * @param dial Connects to one of them.
 * @param systemFor Gives what says so otherwise; undefined when `dial` looks names up by itself.
 * @param clock What the waits go by.
 * @returns The connection.
 */
export async function dialHost(
  address: Address,
  options: DialOptions,
  dial: DialAddress,
  systemFor: SystemLookupFor,
  clock: Clock = systemClock,
): Promise<Transport> {
  const { hostname, port } = address;
  const { path, signal, lookup } = options;
  const family = familyWanted(options);
  if (path !== undefined) {
    refuseAddresses(options, "with the URL of a unix socket; leave it out");
    return await dial(address, options);
  }
  const own = familyOf(hostname);
  if (own !== undefined) {
    if (own !== (family ?? own)) throw withoutAddress(address, family);
    return await dial(address, options);
  }
  let addresses: readonly string[];
  if (lookup !== undefined) addresses = await ask(address, lookup, family, signal);
  else {
    const system = await systemFor(options);
    if (system === undefined) return await dial(address, options);
    const found = system(address, family);
    addresses = await (signal === undefined ? found : unlessAborted(found, signal));
  }
  const wanted = family === undefined
    ? addresses
    : addresses.filter((one) => familyOf(one) === family);
  const [first, ...others] = interleave(wanted);
  if (first === undefined) throw withoutAddress(address, family);
  if (others.length === 0) return await dial({ hostname, port, ip: first }, options);
  signal?.throwIfAborted();
  return await race(address, [first, ...others], options, dial, clock);
}

/** Tries one address after the other, and takes the first that answers. */
function race(
  { hostname, port }: Address,
  addresses: readonly string[],
  options: DialOptions,
  dial: DialAddress,
  clock: Clock,
): Promise<Transport> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    const running = new Set<AbortController>();
    const failures: Failure[] = [];
    let tried = 0;
    let timer: unknown;
    let over = false;
    const stopWaiting = signal && onAbort(signal, () => {
      finish();
      reject(abortReason(signal));
    });
    const giveUpAllBut = (winner: AbortController | undefined): void => {
      clock.clearTimer(timer);
      tried = addresses.length;
      for (const attempt of running) if (attempt !== winner) attempt.abort();
    };
    const finish = (): void => {
      over = true;
      giveUpAllBut(undefined);
      stopWaiting?.();
    };
    const next = (): void => {
      clock.clearTimer(timer);
      const ip = addresses[tried++]!;
      const attempt = new AbortController();
      running.add(attempt);
      let isAhead = false;
      const connected = (): void => {
        if (attempt.signal.aborted) return;
        isAhead = true;
        giveUpAllBut(attempt);
      };
      dial({ hostname, port, ip, connected }, { ...options, signal: attempt.signal }).then(
        (transport) => {
          running.delete(attempt);
          if (attempt.signal.aborted) return transport.destroy();
          finish();
          resolve(transport);
        },
        (error: unknown) => {
          running.delete(attempt);
          if (over || attempt.signal.aborted) return;
          failures.push({ ip, error });
          if (!isAhead && tried < addresses.length) return next();
          if (!isAhead && running.size > 0) return;
          finish();
          reject(isAhead ? error : together(failures));
        },
      );
      if (tried < addresses.length) {
        timer = clock.setTimer(next, ATTEMPT_DELAY, "the next address of a host");
      }
    };
    next();
  });
}

/** How the attempt with one address has failed. */
interface Failure {
  readonly ip: string;
  readonly error: unknown;
}

/** One error for all attempts: that of the first, unless there is no way to its family at all. */
function together(failures: readonly Failure[]): unknown {
  const codeOf = ({ error }: Failure): unknown => (error as { code?: unknown }).code;
  const main = failures.find((failure) => !NO_WAY.includes(codeOf(failure))) ?? failures[0]!;
  const code = codeOf(main);
  const tried = failures.map((failure) =>
    codeOf(failure) === code ? failure.ip : `${failure.ip} (${codeOf(failure)})`
  );
  const error = new Error(`${(main.error as Error).message}; tried ${tried.join(", ")}`, {
    cause: new AggregateError(failures.map(({ error }) => error)),
  });
  return code === undefined ? error : Object.assign(error, { code });
}
