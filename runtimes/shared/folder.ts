// The files of a folder, through `node:fs`, which Node, Deno and Bun have.
//
// 1. Symbolic links are resolved before anything is opened, and what lies outside the folder, or
//    behind a name with a dot before it, is not there.
// 2. Only regular files are opened: opening a pipe would wait for a writer.
// 3. A file is read in pieces as they are asked for, and closed at the end, at a failure and when
//    cancelled.

import { constants, promises as fs } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Folder, OpenFile } from "../../src/files/folder.ts";

const PIECE = 65_536;

/** Codes that say that there is no such file; the operator has to learn of any other. */
const ABSENT = ["ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"];

/**
 * Opens a folder.
 *
 * @param directory Its path, relative to the working directory, or its `file:` URL.
 * @returns The folder. Rejects when there is none.
 */
export async function openFolder(directory: string | URL): Promise<Folder> {
  const path = typeof directory === "string" ? directory : fileURLToPath(directory.href);
  const root = await fs.realpath(resolve(path));
  return {
    async open(names) {
      try {
        return await openFile(root, names);
      } catch (error) {
        if (ABSENT.includes((error as { code?: string }).code ?? "")) return undefined;
        throw error;
      }
    },
  };
}

async function openFile(
  root: string,
  names: readonly string[],
): Promise<OpenFile | "folder" | undefined> {
  const path = await fs.realpath(join(root, ...names));
  const inside = relative(root, path).split(sep);
  // ".." among them, and on Windows a path on another drive
  if (inside.some((name) => name.startsWith(".") || name.includes(":"))) return undefined;
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
