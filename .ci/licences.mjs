// Checks, without network, that every crate built in has a licence that allows use, and that each comes
// from the registry with a checksum; the same for npm packages. Reads `cargo metadata` and the lock files.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

// CC-BY-4.0: pictures of the editor; the page that shows them says whose they are.
const allowed = new Set([
  "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-1-Clause", "BSD-2-Clause", "BSD-3-Clause",
  "BSL-1.0", "CC-BY-4.0", "CC0-1.0", "CDLA-Permissive-2.0", "CECILL-B", "ISC", "MIT", "MIT-0", "MPL-2.0", "NCSA", "Unicode-3.0",
  "Unicode-DFS-2016", "Unlicense", "Zlib", "bzip2-1.0.6",
]);

// An SPDX expression holds if one side of an OR does, and all sides of an AND.
const holds = (text) => {
  const expression = text.replaceAll("/", " OR ").trim();
  const parts = (word) => {
    const found = [];
    let depth = 0, start = 0;
    for (const { 0: token, index } of expression.matchAll(/\(|\)|\s(?:AND|OR)\s/g)) {
      if (token === "(") depth++;
      else if (token === ")") depth--;
      else if (depth === 0 && token.trim() === word) {
        found.push(expression.slice(start, index));
        start = index + token.length;
      }
    }
    return [...found, expression.slice(start)];
  };
  if (parts("OR").length > 1) return parts("OR").some(holds);
  if (parts("AND").length > 1) return parts("AND").every(holds);
  if (expression.startsWith("(")) return holds(expression.slice(1, -1));
  return allowed.has(expression);
};

const host = execFileSync("rustc", ["-vV"]).toString().match(/host: (.*)/)[1];
const metadata = JSON.parse(execFileSync(
  "cargo", ["metadata", "--format-version", "1", "--locked", "--filter-platform", host],
  { maxBuffer: 1 << 28 },
));
const ours = new Set(metadata.workspace_members);
const bad = metadata.packages
  .filter((p) => !ours.has(p.id) && !holds(p.license ?? ""))
  .map((p) => `${p.name} ${p.version}: ${p.license ?? "no licence"}`);
const unchecked = readFileSync("Cargo.lock", "utf8")
  .split("[[package]]")
  .filter((p) => p.includes("name = ") && !/name = "ldt-catalogue(-fuzz)?"/.test(p) && !p.includes("checksum = "))
  .map((p) => `${p.match(/name = "(.*)"/)[1]}: not from a registry, or without checksum`);
const npm = Object.entries(JSON.parse(readFileSync("web/package-lock.json", "utf8")).packages).filter(([path]) => path);
for (const [path, { version, license, integrity }] of npm) {
  if (!holds(license ?? "")) bad.push(`${path} ${version}: ${license ?? "no licence"}`);
  if (!integrity) unchecked.push(`${path}: without checksum`);
}
for (const line of [...bad, ...unchecked]) console.error(line);
if (bad.length + unchecked.length > 0) process.exit(1);
console.log(`${metadata.packages.length - ours.size} crates and ${npm.length} npm packages, all with a licence that allows use and a checksum`);
