// What the options choose, as far as it is available here.

import { quickScenarios } from "./baseline.ts";
import { type Options, select } from "./options.ts";
import { executableOf, installPeers, needsPeers, ownNode, runtimes } from "./runtimes.ts";
import { scenarios } from "./scenarios.ts";
import { type Subject, subjectsOn } from "./servers.ts";
import type { Plan } from "./session.ts";
import { targetScenarios } from "./targets.ts";

const everySubject = subjectsOn(runtimes);
const everyScenario = scenarios.map(({ name }) => name);

/** The engines of the default run: those that the targets refer to, and what Node's own WebSocket is made of. */
const usual = ["ours", "ws", "undici", "http", "hono", "native", "raw"];

/** Prints what there is to choose from. */
export function list(): void {
  const mark = (usual: boolean, name: string): string => `${usual ? "*" : " "} ${name}`;
  console.log("Servers and clients (* in the default run):");
  for (const subject of everySubject) console.log(mark(isUsual(subject), subject.name));
  console.log("Scenarios (* in the default run):");
  for (const name of everyScenario) console.log(mark(targetScenarios.includes(name), name));
}

function isUsual({ engine, runtime }: Subject): boolean {
  return usual.includes(engine) && (runtime === ownNode || !runtime.startsWith("node"));
}

/** Chooses, and installs what is missing of the choice. */
export function createPlan(options: Options): Plan {
  const { rounds, seconds, warmup } = options;
  const subjects = chooseSubjects(options);
  if (subjects.some(needsPeers)) installPeers();
  const missing = new Set(
    subjects.map(({ runtime }) => runtime).filter((name) => executableOf(name) === undefined),
  );
  for (const runtime of missing) console.log(`${runtime} is not available here and is left out.`);
  const chosen = options.scenarios === undefined
    ? defaultScenarios(options)
    : select(everyScenario, options.scenarios);
  return {
    rounds,
    seconds,
    warmup,
    subjects: subjects.filter(({ runtime }) => !missing.has(runtime)),
    scenarios: scenarios.filter(({ name }) => chosen.includes(name)),
  };
}

function chooseSubjects({ all, quick, servers }: Options): readonly Subject[] {
  const possible = quick
    ? everySubject.filter(({ engine }) => engine === "ours" || engine === "raw")
    : everySubject;
  if (servers === undefined) return all ? possible : possible.filter(isUsual);
  const names = select(possible.map(({ name }) => name), servers);
  return possible.filter(({ name }) => names.includes(name));
}

function defaultScenarios({ all, quick }: Options): readonly string[] {
  if (all) return everyScenario;
  return quick ? quickScenarios : targetScenarios;
}
