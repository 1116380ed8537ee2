// What a handler may be, and which hooks there are: a hook that is misspelt would never be called.
//
// An object literal of hooks has no other functions. An instance of a class has methods of its own,
// and a module has functions of its own: there only a name that looks like a hook's is refused, and
// only while that hook is missing.

import type { WebSocketHooks } from "./handler.ts";
import {
  callback,
  describe,
  isObject,
  number,
  type OptionRule,
  type OptionTable,
} from "../util/check_options.ts";
import { distance } from "../util/spelling.ts";

/** What each hook may be. */
export const HOOKS: OptionTable<WebSocketHooks> = {
  open: callback,
  message: callback,
  stream: callback,
  streamFrom: number("octets", { least: 0 }),
  drain: callback,
  ping: callback,
  pong: callback,
  close: callback,
  error: callback,
};

const NAMES = Object.keys(HOOKS) as (keyof WebSocketHooks)[];

/**
 * The prototypes of handlers that have passed the check: one for each class, however many
 * instances.
 */
const checked = new WeakSet<object>();

/** A handler: a function or an object of hooks. */
export const handler: OptionRule = {
  expected: "a function or an object of hooks",
  table: HOOKS as Readonly<Record<string, OptionRule>>,
  check(name, value, scope) {
    if (typeof value === "function") return;
    if (!isObject(value)) {
      const got = describe(value);
      throw new TypeError(`Expected ${name} to be ${this.expected}, got ${got}`);
    }
    for (const hook of NAMES) {
      const given = value[hook];
      if (given !== undefined) HOOKS[hook].check(`${name}.${hook}`, given, scope);
    }
    for (const key in value) checkName(name, key, value);
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype === null || isRoot(prototype) || checked.has(prototype)) return;
    checkPrototypes(name, prototype, value);
    checked.add(prototype);
  },
};

/** Methods of a class cannot be enumerated. It reads descriptors, so that it calls no accessor. */
function checkPrototypes(name: string, first: object, hooks: Readonly<Record<string, unknown>>) {
  for (let one = first; !isRoot(one); one = Object.getPrototypeOf(one)) {
    for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(one))) {
      if (typeof value === "function") checkName(name, key, hooks);
    }
  }
}

function checkName(
  name: string,
  key: string,
  hooks: Readonly<Record<string, unknown>>,
): void {
  if (Object.hasOwn(HOOKS, key)) return;
  const type = typeof hooks[key];
  if (type !== "function" && type !== "number") return;
  const kin = NAMES.filter((hook) => (hook === "streamFrom") === (type === "number"));
  const meant = kin.find((hook) => hooks[hook] === undefined && isLike(key, hook));
  if (meant === undefined && !(type === "function" && isPlain(hooks))) return;
  const advice = meant === undefined ? `there are ${NAMES.join(", ")}` : `did you mean ${meant}?`;
  throw new TypeError(`Expected hooks in ${name}, got ${key}: ${advice}`);
}

/**
 * Whether a name is within two letters of a hook's: two more at either end, as in "onopen" and
 * "opened", or two others in a long one, as in "mesages". In a short one two others make another
 * word: "poll" is no misspelt "pong".
 */
function isLike(key: string, hook: string): boolean {
  if (Math.abs(key.length - hook.length) > 2) return false;
  const changes = distance(key, hook);
  if (changes <= 1) return true;
  return changes === 2 && (hook.length >= 6 || key.toLowerCase().includes(hook));
}

/** Whether a value is a plain object, of any realm: no instance of a class, and no module. */
function isPlain(value: object): boolean {
  if (Object.prototype.toString.call(value) === "[object Module]") return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || isRoot(prototype as object);
}

/** Whether an object is the `Object.prototype` of a realm. */
function isRoot(prototype: object): boolean {
  return Object.getPrototypeOf(prototype) === null;
}
