// The files of a folder, and single ones, through `node:fs`, which Node, Deno and Bun have.
//
// 1. Symbolic links are resolved before anything is opened, and what lies outside the folder, or
//    behind a name with a dot before it, is not there.
// 2. Only regular files are opened: opening a pipe would wait for a writer.
// 3. A file is read in pieces as they are asked for, and closed at the end, at a failure and when
//    cancelled.

import { constants, promises as fs } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Folder, OpenFile, TemplateFile } from "../../src/files/folder.ts";

const PIECE = 65_536;

/** Codes that say that there is no such file; the operator has to learn of any other. */
const ABSENT = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"];

/** The path of a file or a folder. */
export function toPath(path: string | URL): string {
  return resolve(typeof path === "string" ? path : fileURLToPath(path.href));
}

/**
 * Opens a file that the program names.
 *
 * @param path Its path.
 * @returns The file; undefined when there is none, or it is none that can be read as one.
 */
export function openPath(path: string): Promise<OpenFile | undefined> {
  return unlessAbsent(async () => {
    const file = await openRegular(path);
    return file === "folder" ? undefined : file;
  });
}

/** A file with a template. */
export function templateFile(file: string | URL): TemplateFile {
  const path = toPath(file);
  return {
    path,
    stamp: () =>
      unlessAbsent(async () => {
        const { mtimeMs, size, ino } = await fs.stat(path);
        return `${mtimeMs} ${size} ${ino}`;
      }),
    read: () => fs.readFile(path, "utf8"),
  };
}

/**
 * Opens a folder.
 *
 * @param directory Its path, relative to the working directory, or its `file:` URL.
 * @returns The folder. Rejects when there is none.
 */
export async function openFolder(directory: string | URL): Promise<Folder> {
  const root = await fs.realpath(toPath(directory));
  return { open: (names) => unlessAbsent(() => openFile(root, names)) };
}

async function unlessAbsent<T>(open: () => Promise<T>): Promise<T | undefined> {
  try {
    return await open();
  } catch (error) {
    if (ABSENT.includes((error as { code?: string }).code ?? "")) return undefined;
    throw error;
  }
}

async function openFile(
  root: string,
  names: readonly string[],
): Promise<OpenFile | "folder" | undefined> {
  const path = await fs.realpath(join(root, ...names));
  const inside = relative(root, path).split(sep);
  // ".." among them, and on Windows a path on another drive
  if (inside.some((name) => name.startsWith(".") || name.includes(":"))) return undefined;
  return await openRegular(path);
}

async function openRegular(path: string): Promise<OpenFile | "folder" | undefined> {
  const stats = await fs.stat(path);
  if (stats.isDirectory()) return "folder";
  if (!stats.isFile()) return undefined;
  const handle = await fs.open(path, constants.O_RDONLY);
  try {
    // Again: what was found may have been replaced since.
    const { size, mtimeMs } = await handle.stat();
    return {
      size,
      modified: mtimeMs,
      read: (start, end) => streamFile(handle, start, end),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function streamFile(
  handle: fs.FileHandle,
  start: number,
  end: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let position = start;
  return new ReadableStream({
    async pull(controller) {
      try {
        const piece = new Uint8Array(Math.min(PIECE, end - position));
        const { bytesRead } = await handle.read(piece, 0, piece.length, position);
        if (bytesRead === 0) throw new Error("The file became shorter while it was read");
        controller.enqueue(piece.subarray(0, bytesRead));
        position += bytesRead;
        if (position < end) return;
        await handle.close();
        controller.close();
      } catch (error) {
        await handle.close().catch(() => {});
        throw error;
      }
    },
    cancel: () => handle.close(),
  }, { highWaterMark: 0 });
}
