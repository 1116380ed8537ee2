// Foreign programs as peers. Each speaks this protocol on its standard input and output, in lines of
// words; B64 is base64, of UTF-8 where it is text.
//
//   the test says              the program says
//   connect URL PROTOCOLS      ready [PORT]            once: it can connect, or listens
//   text B64                   open PROTOCOL           a connection is open
//   binary B64                 refused STATUS          it is not
//   fragments B64 B64 ...      text B64, binary B64    a message came
//   ping B64                   pong B64                a Pong came
//   close [CODE B64]           closed CODE B64         the connection has ended
//
// A program has one connection at a time. It ends when its input does, and is killed after LIFETIME.

import { spawn } from "node:child_process";
import process from "node:process";
import { Buffer } from "node:buffer";
import { root } from "../../support/process.ts";
import { Queue, toBytes } from "../peer.ts";
import type { Message, Peer, PeerClient, PeerServer, PeerSocket } from "../peer.ts";

const LIFETIME = 100_000;

/** A program that speaks in lines. */
export interface Program {
  /** Says a line. */
  say(...words: string[]): void;
  /** Ends its input, and waits for it to end. */
  stop(): Promise<void>;
}

/** Where a program comes from. */
export interface Origin extends Peer {
  /** The command line, made when it is needed: it may have to be compiled first. */
  command(): Promise<{ command: readonly string[]; dispose?(): Promise<void> }>;
  /** What it needs, and what of that is not installed here. */
  readonly program: { readonly missing: string | undefined };
}

/**
 * Starts a program.
 *
 * @param command The executable and its arguments.
 * @param hear Called with the first word of each line and the others, and with "end" and all the
 * output when the program has ended.
 * @returns The running program.
 */
export function startProgram(
  command: readonly string[],
  hear: (kind: string, words: string[]) => void,
): Program {
  const [executable = "", ...args] = command;
  const child = spawn(executable, args, { cwd: root, stdio: ["pipe", "pipe", "pipe"] });
  let errors = "";
  let line = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors += text);
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (line + text).split("\n");
    line = lines.pop() ?? "";
    for (const each of lines) {
      const [kind = "", ...words] = each.split(" ");
      hear(kind, words);
    }
  });
  // A program that ends early writes the reason to its standard error; the broken input gives none.
  child.stdin.on("error", () => {});
  const timer = setTimeout(() => child.kill("SIGKILL"), LIFETIME);
  const end = new Promise<void>((resolve) => {
    const ended = (why: string) => {
      clearTimeout(timer);
      hear("end", [`${command.join(" ")} ended (${why}): ${line}${errors}`]);
      resolve();
    };
    child.once("error", (error) => ended(String(error)));
    child.once("close", (code, signal) => ended(String(signal ?? code)));
  });
  return {
    say: (...words) => void child.stdin.write(`${words.join(" ")}\n`),
    async stop() {
      child.stdin.end();
      const timer = setTimeout(() => {
        if (child.pid !== undefined) process.kill(child.pid, "SIGKILL");
      }, 5_000);
      await end;
      clearTimeout(timer);
    },
  };
}

/** Starts a program and waits until it is ready. Later lines go to `hear`. */
async function startReady(
  origin: Origin,
  hear: (kind: string, words: string[]) => void,
): Promise<Program & { port: number }> {
  const { command, dispose } = await origin.command();
  const ready = new Queue<number>();
  const program = startProgram(command, (kind, words) => {
    if (kind === "ready") ready.push(Number(words[0]));
    else {
      if (kind === "end") ready.fail(new Error(words[0]));
      hear(kind, words);
    }
  });
  const stop = async () => {
    await program.stop();
    await dispose?.();
  };
  try {
    return { ...program, stop, port: await ready.shift() };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A client that is a program. */
export function clientProgram(origin: Origin): PeerClient {
  let running: Program | undefined;
  let hear: (kind: string, words: string[]) => void = () => {};
  return {
    ...origin,
    async start() {
      const program = await startReady(origin, (kind, words) => hear(kind, words));
      running = program;
      return program;
    },
    connect: (url, protocols) =>
      new Promise((resolve, reject) => {
        const messages = new Queue<Message>();
        const pongs = new Queue<string>();
        const closed = new Queue<{ code: number; reason: string }>();
        const program = running!;
        hear = (kind, words) => {
          const [first = "", second = ""] = words;
          if (kind === "text") messages.push(decodeText(first));
          else if (kind === "binary") messages.push(decode(first));
          else if (kind === "pong") pongs.push(decodeText(first));
          else if (kind === "refused") reject(new Error(`Refused with status ${first}`));
          else if (kind === "closed") {
            closed.push({ code: Number(first), reason: decodeText(second) });
            messages.fail(new Error(`Closed with ${first}`));
          } else if (kind === "end") {
            const error = new Error(first);
            reject(error);
            [messages, pongs, closed].forEach((queue) => queue.fail(error));
          } else if (kind === "open") {
            resolve({
              ...socketOf(program),
              protocol: first,
              receive: () => messages.shift(),
              pong: () => pongs.shift(),
              closed: closed.shift(),
            });
          } else {
            reject(new Error(`Unexpected line: ${kind} ${words.join(" ")}`));
          }
        };
        program.say("connect", url, protocols.join(","));
      }),
  };
}

/** A server that is a program. */
export function serverProgram(origin: Origin): PeerServer {
  return {
    ...origin,
    async start(hooks) {
      let socket: PeerSocket | undefined;
      const program = await startReady(origin, (kind, [first = "", second = ""]) => {
        if (kind === "open") socket = socketOf(program);
        else if (!socket) return;
        else if (kind === "text") hooks.message(socket, decodeText(first));
        else if (kind === "binary") hooks.message(socket, decode(first));
        else if (kind === "pong") hooks.pong(socket, decodeText(first));
        else if (kind === "closed") hooks.close(Number(first), decodeText(second));
        else if (kind === "end") hooks.close(1006, first);
      });
      return program;
    },
  };
}

function socketOf(program: Program): PeerSocket {
  return {
    send: (message) =>
      program.say(typeof message === "string" ? "text" : "binary", encode(message)),
    close(code, reason = "") {
      if (code === undefined) program.say("close");
      else program.say("close", String(code), encode(reason));
    },
    ping: (data) => program.say("ping", encode(data)),
    sendFragments: (parts) => program.say("fragments", ...parts.map(encode)),
  };
}

function encode(message: Message): string {
  return Buffer.from(message as string).toString("base64");
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  return toBytes(Buffer.from(base64, "base64"));
}

function decodeText(base64: string): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(decode(base64));
}
