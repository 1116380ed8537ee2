// The pages of tests and other files that have no colours. They are many and long, and need nothing
// that the generator takes its time for.

import { readFileSync } from "node:fs";
import type { UserConfig } from "vitepress";
import { isText, linkedSources, root, sourceAddress } from "./repository.ts";

type Plugin = NonNullable<NonNullable<UserConfig["vite"]>["plugins"]>[number];

const plug = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
  <rect width="32" height="32" rx="7" fill="#3451b2"/>
  <path d="M11 6v7M21 6v7M8 13h16v3a8 8 0 0 1-16 0zM16 24v4" fill="none" stroke="#fff"
    stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/>
</svg>`;

/** The site's icon: a plug. */
export const icon: string = `data:image/svg+xml,${encodeURIComponent(plug)}`;

/** A page in the site's colours, and in the theme that the reader has chosen there. */
function textPage(source: string): string {
  const text = readFileSync(root + source, "utf8").replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${source} | sansocket</title>
<link rel="icon" href="${icon}">
<style>
:root { color-scheme: light dark; }
:root.light { color-scheme: light; }
:root.dark { color-scheme: dark; }
body {
  margin: 24px;
  background: light-dark(#fff, #1b1b1f);
  color: light-dark(#3c3c43, #dfdfd6);
  font: 16px/1.7 system-ui, sans-serif;
}
a { color: light-dark(#3451b2, #a8b1ff); }
h1 { font-size: 24px; overflow-wrap: anywhere; }
pre {
  overflow-x: auto;
  padding: 20px 24px;
  border-radius: 8px;
  background: light-dark(#f6f6f7, #161618);
  font: 14px/1.7 ui-monospace, Menlo, Consolas, monospace;
}
</style>
<script>
document.documentElement.className = localStorage.getItem("vitepress-theme-appearance") ?? "";
</script>
</head>
<body>
<nav><a href="/">sansocket</a></nav>
<main>
<h1>${source}</h1>
<pre tabindex="0">\n${text}</pre>
</main>
</body>
</html>
`;
}

/** Adds the pages to the site, or serves them while it is written. */
export const textPages: Plugin = {
  name: "text-pages",
  apply: (_, { isSsrBuild }) => isSsrBuild !== true,
  configureServer({ middlewares }) {
    middlewares.use("/source", (request, response, next) => {
      const source = linkedSources().find((source) =>
        isText(source) && sourceAddress(source) === request.originalUrl
      );
      if (source === undefined) return next();
      response.setHeader("content-type", "text/html");
      response.end(textPage(source));
    });
  },
  generateBundle() {
    for (const source of linkedSources().filter(isText)) {
      const fileName = sourceAddress(source).slice(1);
      this.emitFile({ type: "asset", fileName, source: textPage(source) });
    }
  },
};
