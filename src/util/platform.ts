// Types of the platform that the libraries of a program may lack: `lib: ["es2022"]` with the types
// of Node has no HeadersInit, and the default libraries of TypeScript have no AsyncDisposable. A
// name that is missing would be an error in our declarations, or with `skipLibCheck` silently
// `any`.

/**
 * Header fields: an object, in which a field that is undefined is absent; pairs of name and value;
 * or a `Headers`.
 */
export type HeadersSource =
  | Readonly<Record<string, string | undefined>>
  | Iterable<readonly [name: string, value: string]>
  | Headers;

/** What `await using` needs: `[Symbol.asyncDispose]()`, where the program knows that symbol. */
export type AsyncDisposal = SymbolConstructor extends
  { readonly asyncDispose: infer Key extends symbol } ? { readonly [K in Key]: () => Promise<void> }
  : Record<never, never>;
