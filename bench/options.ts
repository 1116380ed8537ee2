// The command line, and the words by which servers and scenarios are chosen.

import { parseArgs } from "node:util";

/** What the command line says. */
export interface Options {
  readonly servers: string | undefined;
  readonly scenarios: string | undefined;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmup: number;
  readonly out: string | undefined;
  readonly report: string | undefined;
  readonly all: boolean;
  readonly list: boolean;
  readonly quick: boolean;
  readonly record: boolean;
  readonly help: boolean;
}

/** What `--help` prints. */
export const usage = `npm run bench -- [options]

  --servers LIST    names, globs, or words of names: ours-node20, *-bun, raw
  --scenarios LIST  the same: echo-64x32-20, echo-64*, broadcast
  --all             every server in every scenario, unless chosen otherwise
  --list            what there is to choose from
  --rounds N        rounds; all is started anew for every five (15)
  --seconds S       measured seconds of each turn (0.2)
  --warmup S        seconds of load after a start (1)
  --out FILE        the results as JSON (bench-results.json in the system's folder for temporary files)
  --report FILE     measure nothing: write docs/performance.md from the results of an earlier run
  --quick           a few scenarios of ours, compared with the recorded ones; fails when one got worse by over 10%
  --record          with --quick: record them
`;

/**
 * Parses the command line.
 *
 * @throws {TypeError} When an option is unknown or has a value that it cannot have.
 */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      servers: { type: "string" },
      scenarios: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      warmup: { type: "string" },
      out: { type: "string" },
      report: { type: "string" },
      all: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const number = (name: "rounds" | "seconds" | "warmup", otherwise: number): number => {
    const value = Number(values[name] ?? otherwise);
    if (value > 0) return value;
    throw new TypeError(`Expected --${name} to be a number above 0, got ${values[name]}`);
  };
  const { quick } = values;
  return {
    ...values,
    servers: values.servers,
    scenarios: values.scenarios,
    out: values.out,
    report: values.report,
    rounds: Math.ceil(number("rounds", quick ? 10 : 15)),
    seconds: number("seconds", 0.2),
    warmup: number("warmup", quick ? 0.6 : 1),
  };
}

/**
 * Chooses among `names`.
 *
 * @param list Separated by commas: globs with `*`, or words, which are some of a name's parts between hyphens.
 * @throws {RangeError} When one of the list fits no name.
 */
export function select(names: readonly string[], list: string): string[] {
  const chosen = new Set<string>();
  for (const pattern of list.split(",").filter((each) => each !== "")) {
    const found = names.filter((name) => matches(name, pattern));
    if (found.length === 0) throw new RangeError(`Nothing is called ${pattern}; see --list`);
    for (const name of found) chosen.add(name);
  }
  return names.filter((name) => chosen.has(name));
}

function matches(name: string, pattern: string): boolean {
  if (!pattern.includes("*")) return `-${name}-`.includes(`-${pattern}-`);
  const parts = pattern.split("*").map((part) => part.replace(/[^\w-]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(name);
}
