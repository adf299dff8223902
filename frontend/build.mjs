// Rewrites the vendored files in ../static from node_modules, byte for byte the same on every run:
//   vendor/htmx.min.js   fonts/*.woff2   img/icons.svg (the icons named in icons.txt)   vendor/LICENSES.txt
// What the project writes itself (static/css, static/js, static/img/logo.svg) is not built and not touched.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const here = new URL("./", import.meta.url);
const packages = new URL("node_modules/", here);
const out = new URL("../static/", here);
for (const directory of ["vendor", "fonts", "img"]) mkdirSync(new URL(`${directory}/`, out), { recursive: true });

const COPIES = {
  "vendor/htmx.min.js": "htmx.org/dist/htmx.min.js",
  "fonts/geist-latin-wght-normal.woff2": "@fontsource-variable/geist/files/geist-latin-wght-normal.woff2",
  "fonts/geist-latin-ext-wght-normal.woff2": "@fontsource-variable/geist/files/geist-latin-ext-wght-normal.woff2",
  "fonts/geist-mono-latin-wght-normal.woff2": "@fontsource-variable/geist-mono/files/geist-mono-latin-wght-normal.woff2",
};
for (const [target, source] of Object.entries(COPIES)) copyFileSync(new URL(source, packages), new URL(target, out));

const names = readFileSync(new URL("icons.txt", here), "utf8").split("\n").filter(Boolean);
const sorted = [...new Set(names)].sort();
if (sorted.join() !== names.join()) throw new Error("icons.txt must be sorted and without repeats");
const symbols = names.map((name) => {
  const source = readFileSync(new URL(`lucide-static/icons/${name}.svg`, packages), "utf8");
  // Stroke, width and caps come from the .icon class, so only the shapes are kept.
  const shapes = source.replace(/<!--.*?-->/gs, "").replace(/^\s*<svg[^>]*>/s, "").replace(/<\/svg>\s*$/s, "");
  return `<symbol id="${name}" viewBox="0 0 24 24">${shapes.replace(/\s*\n\s*/g, "").replace(/ \/>/g, "/>")}</symbol>`;
});
writeFileSync(
  new URL("img/icons.svg", out),
  `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`,
);

const FILES = {
  "htmx.org": "htmx.min.js",
  "lucide-static": "../img/icons.svg",
  "@fontsource-variable/geist": "../fonts/geist-latin*.woff2",
  "@fontsource-variable/geist-mono": "../fonts/geist-mono-latin*.woff2",
};
const notices = Object.entries(FILES).map(([name, files]) => {
  const { version, license } = JSON.parse(readFileSync(new URL(`${name}/package.json`, packages), "utf8"));
  const text = readFileSync(new URL(`${name}/LICENSE`, packages), "utf8").trim();
  return `${files}: ${name} ${version} (${license})\n\n${text}\n`;
});
writeFileSync(new URL("vendor/LICENSES.txt", out), notices.join(`\n${"-".repeat(80)}\n\n`));
