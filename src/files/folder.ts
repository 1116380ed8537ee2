// The contract between files as responses (file_handler.ts, html_file.ts) and a file system
// (runtimes/shared/folder.ts): types only.

/** A file that has been opened. */
export interface OpenFile {
  /** Octets. */
  readonly size: number;
  /** When it was last modified, in milliseconds. */
  readonly modified: number;
  /** Reads from `start` to before `end`, and closes the file after that or when it is cancelled. */
  read(start: number, end: number): ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Closes a file that is not read. */
  close(): Promise<void>;
}

/** The files of one folder. */
export interface Folder {
  /**
   * Opens a file.
   *
   * @param names The names of the folders below this one and of the file: none empty, none with a
   * dot before it.
   * @returns The file; "folder" when it is one; undefined when there is none, or none inside this
   * folder.
   */
  open(names: readonly string[]): Promise<OpenFile | "folder" | undefined>;
}

/** A file with a template. */
export interface TemplateFile {
  /** Its path. */
  readonly path: string;
  /** A text that changes with the file; undefined when there is none. */
  stamp(): Promise<string | undefined>;
  /** Reads it. */
  read(): Promise<string>;
}
