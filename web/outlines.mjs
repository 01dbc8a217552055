// Coasts and borders of Natural Earth (public domain) as one SVG in tenths of a degree, north up, which is fine
// enough for the map of a library. The grey is seen on light and on dark.
import { readFileSync, writeFileSync } from "node:fs";
import { mesh } from "topojson-client";

const world = JSON.parse(readFileSync(new URL(import.meta.resolve("world-atlas/countries-50m.json"))));
const line = (points) => {
  const tenths = points.map(([longitude, latitude]) => [Math.round(longitude * 10), Math.round(-latitude * 10)]);
  const steps = tenths.slice(1).map(([x, y], i) => [x - tenths[i][0], y - tenths[i][1]]);
  // What goes round the globe comes in again on the other side.
  const path = steps.map(([x, y], i) => (Math.abs(x) > 1800 ? `M${tenths[i + 1]}` : x || y ? `l${x} ${y}` : "")).join("");
  return path.includes("l") ? `M${tenths[0]}${path}`.replace(/ -/g, "-") : "";
};
const path = mesh(world, world.objects.countries).coordinates.map(line).join("");
writeFileSync(
  new URL("dist/outlines.svg", import.meta.url),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1800 -900 3600 1800" preserveAspectRatio="none">` +
  `<path fill="none" stroke="#8a8a8a" stroke-linejoin="round" d="${path}"/></svg>\n`,
);
