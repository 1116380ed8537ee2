// The media type of a file, by the extension of its name.

const TEXT = "; charset=utf-8";

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  avif: "image/avif",
  css: "text/css" + TEXT,
  csv: "text/csv" + TEXT,
  gif: "image/gif",
  gz: "application/gzip",
  htm: "text/html" + TEXT,
  html: "text/html" + TEXT,
  ico: "image/x-icon",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  js: "text/javascript" + TEXT, // RFC 9239
  json: "application/json",
  map: "application/json",
  md: "text/markdown" + TEXT,
  mjs: "text/javascript" + TEXT,
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  ogg: "audio/ogg",
  otf: "font/otf",
  pdf: "application/pdf",
  png: "image/png",
  svg: "image/svg+xml" + TEXT,
  tar: "application/x-tar",
  ttf: "font/ttf",
  txt: "text/plain" + TEXT,
  wasm: "application/wasm",
  wav: "audio/wav",
  weba: "audio/webm",
  webm: "video/webm",
  webmanifest: "application/manifest+json",
  webp: "image/webp",
  woff: "font/woff",
  woff2: "font/woff2",
  xml: "application/xml",
  zip: "application/zip",
};

/**
 * The media type of a file.
 *
 * @param name The name, with or without the path before it.
 * @returns The value for Content-Type; "application/octet-stream" for an extension that is not
 * known.
 */
export function mediaType(name: string): string {
  const extension = /\.([^./]+)$/.exec(name)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(MEDIA_TYPES, extension)
    ? MEDIA_TYPES[extension]!
    : "application/octet-stream";
}
