// How members are written for other processes: in the store, and in announcements.
//
// The store keeps of each member a JSON text, `[stamp,info]`. An announcement is the JSON of
// `{ lease, put: [[key, text], …], gone: [key, …] }`. Both say what one process has, so that they
// can come twice. Of several processes that have a key, the one with the latest stamp counts.

import { isObject } from "../util/check_options.ts";

/** What one process knows of a member. */
export interface PresenceValue {
  /** When it was set: Unix time in milliseconds, by the clock of the process. */
  readonly stamp: number;
  /** The info, as JSON. */
  readonly info: string;
}

/** What one process has changed on a topic. */
export interface PresenceChanges {
  /** Its lease. */
  readonly lease: string;
  /** By key: what is known of the member; undefined when the process has it no more. */
  readonly changes: ReadonlyMap<string, PresenceValue | undefined>;
}

/** Writes what is known of a member. */
export function formatValue({ stamp, info }: PresenceValue): string {
  return `[${stamp},${info}]`;
}

/** Reads that; undefined when it is none. */
export function parseValue(text: unknown): PresenceValue | undefined {
  if (typeof text !== "string") return undefined;
  const stamp = /^\[(\d{1,16}),/.exec(text)?.[1];
  if (stamp === undefined || !text.endsWith("]")) return undefined;
  const info = text.slice(stamp.length + 2, -1);
  try {
    JSON.parse(info);
  } catch {
    return undefined;
  }
  return { stamp: Number(stamp), info };
}

/** Writes an announcement; the changes are texts of `formatValue()`. */
export function formatChanges(
  lease: string,
  changes: ReadonlyMap<string, string | undefined>,
): string {
  const put: [string, string][] = [];
  const gone: string[] = [];
  for (const [key, text] of changes) {
    if (text === undefined) gone.push(key);
    else put.push([key, text]);
  }
  return JSON.stringify({ lease, put, gone });
}

/** Reads that; undefined when it is none. What it has for single members may be left out. */
export function parseChanges(text: string): PresenceChanges | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { lease, put, gone } = isObject(value) ? value : {};
  if (typeof lease !== "string" || !Array.isArray(put) || !Array.isArray(gone)) return undefined;
  const changes = new Map<string, PresenceValue | undefined>();
  for (const entry of put as unknown[]) {
    const [key, text] = Array.isArray(entry) ? entry as unknown[] : [];
    const value = parseValue(text);
    if (typeof key === "string" && value !== undefined) changes.set(key, value);
  }
  for (const key of gone as unknown[]) if (typeof key === "string") changes.set(key, undefined);
  return { lease, changes };
}
