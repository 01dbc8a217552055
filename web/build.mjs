// What pages embed: the outlines of the map, and the editor of queries with its style.
import { build } from "esbuild";

await import("./outlines.mjs");
await build({
  entryPoints: [new URL("editor.mjs", import.meta.url).pathname],
  outfile: new URL("dist/editor.js", import.meta.url).pathname,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  // Pictures of the components stand in their style.
  loader: { ".svg": "dataurl", ".png": "dataurl" },
  legalComments: "linked",
  logLevel: "warning",
});
