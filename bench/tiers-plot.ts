/** tiers.svg: medians as bars on a logarithmic scale, least and most as whiskers. */
import { median } from "./paired.ts";
import type { PhaseName } from "./tiers-phases.ts";
import { NAMES, type Round, ratios, seconds } from "./tiers-report.ts";

const WIDTH = 760;
/** Left of the bars: the names. Right of them: the figures. */
const LEFT = 130;
const RIGHT = 170;
const TOP = 44;
const ROW = 34;
const BAR = 18;

const COLOURS: Readonly<Record<PhaseName, string>> = {
  cold: "#64748b",
  filling: "#94a3b8",
  warm: "#d97706",
  "warm-other": "#f59e0b",
  hot: "#dc2626",
  "hot-program": "#ef4444",
  "no-op": "#16a34a",
};

/** The plot as one SVG without fonts or scripts. Its background is white, so that it is readable on a dark page too. */
export function tiersPlot(rounds: readonly Round[]): string {
  const all = NAMES.flatMap((name) => seconds(rounds, name));
  const from = 10 ** Math.floor(Math.log10(Math.min(...all)));
  const to = 10 ** Math.ceil(Math.log10(Math.max(...all)));
  const x = (value: number): number =>
    LEFT + (Math.log(value / from) / Math.log(to / from)) * (WIDTH - LEFT - RIGHT);
  const bottom = TOP + NAMES.length * ROW;
  const height = bottom + 40;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="system-ui, sans-serif" font-size="13" fill="#0f172a">
<title>Build and test, seconds by phase, logarithmic scale</title>
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
<text x="${LEFT}" y="24" font-size="15" font-weight="600">Build and test, seconds: median of ${rounds.length}, least and most</text>
${ticks(from, to)
  .map((tick) => grid(tick, x(tick), bottom))
  .join("\n")}
${NAMES.map((name, at) => bar(name, rounds, x, TOP + at * ROW)).join("\n")}
<text x="${LEFT}" y="${bottom + 34}" fill="#475569">seconds, logarithmic</text>
</svg>
`;
}

/** 1, 2 and 5 of each power of ten. */
function ticks(from: number, to: number): number[] {
  const found: number[] = [];
  for (let power = from; power <= to; power *= 10) found.push(power, 2 * power, 5 * power);
  return found.filter((tick) => tick <= to * 1.001);
}

function grid(tick: number, x: number, bottom: number): string {
  const label = Number(tick.toPrecision(1));
  return `<line x1="${at(x)}" x2="${at(x)}" y1="${TOP - 6}" y2="${bottom}" stroke="#e2e8f0"/><text x="${at(x)}" y="${bottom + 16}" text-anchor="middle" font-size="11" fill="#475569">${label}</text>`;
}

function bar(name: PhaseName, rounds: readonly Round[], x: (value: number) => number, top: number): string {
  const values = seconds(rounds, name);
  const [least, middle, most] = [Math.min(...values), median(values), Math.max(...values)];
  const centre = top + ROW / 2;
  const ratio = name === "cold" ? "" : `  (${short(median(ratios(rounds, name)))}×)`;
  return [
    `<text x="${LEFT - 10}" y="${centre + 4}" text-anchor="end">${name}</text>`,
    `<rect x="${LEFT}" y="${centre - BAR / 2}" width="${at(x(middle) - LEFT)}" height="${BAR}" fill="${COLOURS[name]}"/>`,
    `<path d="M${at(x(least))} ${centre}H${at(x(most))}M${at(x(least))} ${centre - 5}v10M${at(x(most))} ${centre - 5}v10" stroke="#0f172a" stroke-width="1.5"/>`,
    `<text x="${WIDTH - RIGHT + 16}" y="${centre + 4}">${short(middle)} s${ratio}</text>`,
  ].join("");
}

function at(value: number): string {
  return value.toFixed(1);
}

function short(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(1);
}
