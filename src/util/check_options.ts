// How options are checked: each name must exist, and each value must be of the right kind.
//
// 1. A misspelt option would silently do nothing. So an unknown name is refused, and the error
//    names the nearest right one.
// 2. `undefined` counts as absent under any name: options are often put together from parts that
//    may be missing.
// 3. A table has a line for each option of a type, and `OptionTable` makes the compiler hold that.

import { nearest } from "./spelling.ts";

/** What one option may be. */
export interface OptionRule {
  /** What it takes, with the unit, behind "Expected … to be". */
  readonly expected: string;
  /**
   * Checks a value that is not undefined.
   *
   * @param name The name of the option, with those of the groups that it is in.
   * @param value The value.
   * @param scope Whose option it is.
   * @throws {TypeError} When it is of the wrong kind.
   * @throws {RangeError} When it is a number out of its range.
   */
  check(name: string, value: unknown, scope: OptionScope): void;
  /** The options inside it, when it is a group of them. */
  readonly table?: AnyTable;
}

/** The options of one type, each with what it may be. */
export type OptionTable<Options> = { readonly [Name in keyof Options]-?: OptionRule };

/** Whose options are checked. */
export interface OptionScope {
  /** What takes them, such as "serve()". */
  readonly owner: string;
  /** All of its options. */
  readonly table: AnyTable;
}

type AnyTable = Readonly<Record<string, OptionRule>>;

/** The table of a type that leaves some options of another out. */
export function without<Options, Name extends keyof Options>(
  table: OptionTable<Options>,
  ...names: readonly Name[]
): OptionTable<Omit<Options, Name>> {
  const rest: Partial<Record<keyof Options, OptionRule>> = { ...table };
  for (const name of names) delete rest[name];
  return rest as unknown as OptionTable<Omit<Options, Name>>;
}

/**
 * Fills in the defaults.
 *
 * @param options What was given; `undefined` counts as absent.
 * @param defaults A value for each option that has a default.
 * @returns The value of each of these.
 */
export function withDefaults<Defaults extends object>(
  options: { readonly [Name in keyof Defaults]?: Defaults[Name] | undefined },
  defaults: Defaults,
): Defaults {
  const resolved = { ...defaults };
  for (const name of Object.keys(defaults) as (keyof Defaults)[]) {
    resolved[name] = options[name] ?? defaults[name];
  }
  return resolved;
}

/**
 * Checks all options of a call.
 *
 * @param owner What takes them, such as "serve()".
 * @param options What was given.
 * @param table The options that there are.
 * @throws {TypeError} When a name is unknown, or a value is of the wrong kind.
 * @throws {RangeError} When a number is out of its range.
 */
export function checkOptions<Options>(
  owner: string,
  options: unknown,
  table: OptionTable<Options>,
): void {
  const scope: OptionScope = { owner, table: table as AnyTable };
  if (!isObject(options)) {
    const got = describe(options);
    throw new TypeError(`Expected the options of ${owner} to be an object, got ${got}`);
  }
  checkGroup("", options, scope.table, scope);
}

function checkGroup(
  path: string,
  options: Readonly<Record<string, unknown>>,
  table: AnyTable,
  scope: OptionScope,
): void {
  for (const name in options) {
    if (Object.hasOwn(table, name) || options[name] === undefined) continue;
    // Some old libraries add properties to all objects.
    if (!(name in Object.prototype) || Object.hasOwn(options, name)) {
      throw new TypeError(unknown(path, name, table, scope));
    }
  }
  // The loop goes over the table, so that the values of accessors count too, which a loop over an
  // instance of a class would not find. A plain object has only its own properties: to ask it for
  // each name in the table took 5% of the time of connect() and close() on Node.
  const isPlain = Object.getPrototypeOf(options) === Object.prototype;
  for (const name of isPlain ? Object.getOwnPropertyNames(options) : Object.keys(table)) {
    const value = options[name];
    if (value !== undefined && Object.hasOwn(table, name)) {
      table[name]!.check(path + name, value, scope);
    }
  }
}

/** Says what is wrong with a name, and where a name like it belongs. */
function unknown(
  path: string,
  name: string,
  table: AnyTable,
  { owner, table: root }: OptionScope,
): string {
  const names = new Map<string, string>();
  const add = (path: string, table: AnyTable): void => {
    for (const [name, rule] of Object.entries(table)) {
      if (!names.has(name)) names.set(name, path + name);
      if (rule.table !== undefined) add(`${path}${name}.`, rule.table);
    }
  };
  add(path, table);
  add("", root);
  const found = names.get(nearest(name, names.keys()) ?? "");
  const advice = found === undefined
    ? `there are ${Object.keys(table).sort().join(", ")}`
    : found.endsWith(`.${name}`)
    ? `it belongs inside, as in ${nest(found)}`
    : `did you mean ${found}?`;
  return `Expected an option of ${owner}, got ${path}${name}: ${advice}`;
}

/** "a.b" as "{ a: { b } }". */
function nest(path: string): string {
  const names = path.split(".");
  const last = names.pop();
  return names.reduceRight((inner, outer) => `{ ${outer}: ${inner} }`, `{ ${last} }`);
}

/** A kind of value. `expected` says which, behind "Expected … to be". */
export function kind(expected: string, test: (value: unknown) => boolean): OptionRule {
  return {
    expected,
    check(name, value) {
      if (!test(value)) {
        throw new TypeError(`Expected ${name} to be ${expected}, got ${describe(value)}`);
      }
    },
  };
}

/** Judged elsewhere, or not at all. */
export function unjudged(expected: string): OptionRule {
  return { expected, check() {} };
}

/** Not judged. */
export const anything: OptionRule = unjudged("anything");
/** True or false. */
export const flag: OptionRule = kind("true or false", (value) => typeof value === "boolean");
/** A string. */
export const text: OptionRule = kind("a string", isString);
/** A list of strings. */
export const texts: OptionRule = kind("a list of strings", isStrings);
/** A string or a list of strings. */
export const textOrTexts: OptionRule = kind(
  "a string or a list of strings",
  (value) => isString(value) || isStrings(value),
);
/** A function. */
export const callback: OptionRule = kind("a function", isFunction);
/** An AbortSignal, of any realm. */
export const signal: OptionRule = kind(
  "an AbortSignal",
  (value) => isObject(value) && "aborted" in value && isFunction(value["addEventListener"]),
);

/** One of a few strings. */
export function oneOf(...values: readonly string[]): OptionRule {
  const list = values.map((value) => `"${value}"`);
  const expected = `${list.slice(0, -1).join(", ")} or ${list.at(-1)}`;
  return kind(expected, (value) => values.some((one) => one === value));
}

/** An object with functions by these names. */
export function withMethods(...names: readonly string[]): OptionRule {
  const expected = `an object with ${names.map((name) => `${name}()`).join(" and ")}`;
  return kind(expected, (value) => isObject(value) && names.every((n) => isFunction(value[n])));
}

/** Which numbers an option takes. */
export interface NumberRange {
  /** The least. Default: 1. */
  readonly least?: number;
  /** The most. Default: Infinity, which the option then takes too, as no limit. */
  readonly most?: number;
  /** Whether parts are taken as well. Default: false. */
  readonly parts?: boolean;
}

/**
 * A number: the one rule for all of them.
 *
 * @param unit What it counts: "octets".
 * @param range Which numbers it takes.
 */
export function number(unit: string, range: NumberRange = {}): OptionRule {
  const { least = 1, most = Infinity, parts = false } = range;
  const what = `${parts ? "a number" : "a whole number"}${unit && ` of ${unit}`}`;
  const expected = `${what}${
    most === Infinity ? `, ${least} or more` : ` from ${least} to ${most}`
  }`;
  return {
    expected,
    check(name, value) {
      const right = typeof value === "number" && value >= least && value <= most &&
        (parts || Number.isInteger(value) || value === Infinity);
      if (right) return;
      const message = `Expected ${name} to be ${expected}, got ${describe(value)}`;
      if (typeof value !== "number") throw new TypeError(message);
      throw Object.assign(new RangeError(message), { code: "ERANGE" });
    },
  };
}

/** Milliseconds that are waited. */
export const milliseconds: OptionRule = number("milliseconds", { parts: true });

/**
 * Options inside an option.
 *
 * @param table The options.
 * @param instead What may stand in their place: true for all defaults, false for none of it.
 */
export function group<Options>(
  table: OptionTable<Options>,
  ...instead: readonly boolean[]
): OptionRule {
  const inner = table as AnyTable;
  const expected = [...instead.map(String), `an object of options`].join(" or ");
  return {
    expected,
    table: inner,
    check(name, value, scope) {
      if (instead.some((one) => one === value)) return;
      if (!isObject(value)) {
        throw new TypeError(`Expected ${name} to be ${expected}, got ${describe(value)}`);
      }
      checkGroup(`${name}.`, value, inner, scope);
    },
  };
}

/** A value in an error message. */
export function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 100));
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

/** Whether a value can hold options. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isString(value: unknown): boolean {
  return typeof value === "string";
}

function isStrings(value: unknown): boolean {
  return Array.isArray(value) && value.every(isString);
}

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}
