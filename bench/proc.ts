// What Linux tells of a process: CPU time to the nanosecond, memory, and who else used a CPU. Elsewhere there is none
// of it, and the process is asked instead (see measure.ts).

import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Whether there is anything to read. */
export const hasProc: boolean = existsSync("/proc/self/schedstat");

/** Clock ticks a second of /proc/stat: `USER_HZ`, 100 on every Linux that Node, Deno and Bun run on. */
const TICKS = 100;

/** CPU seconds of all threads of a process so far. */
export function cpuSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1");
      nanoseconds += Number(stat.slice(0, stat.indexOf(" ")));
    } catch {
      // The thread has ended meanwhile.
    }
  }
  return nanoseconds / 1e9;
}

/** Resident octets of a process. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
}

/** Seconds that a CPU has been busy so far, and those that the host has kept for itself. */
export function busySeconds(cpu: number): number {
  const line = new RegExp(`^cpu${cpu} (.*)$`, "m").exec(readFileSync("/proc/stat", "latin1"))?.[1];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] =
    line?.split(" ").map(Number) ?? [];
  return (user + nice + system + irq + softirq + steal) / TICKS;
}
