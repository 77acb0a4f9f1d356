/** tiers.md: the figures of the tiers bench as a page, written by the program. */
import { median } from "./paired.ts";
import { type PhaseName, type Timed, WHAT } from "./tiers-phases.ts";

/** One phase of one round. */
export interface Measured extends Timed {
  /** Threads of other work that ran or waited for a core just before. */
  readonly others: number;
}

/** One round: every phase once. */
export type Round = Readonly<Record<PhaseName, Measured>>;

/** What the figures were taken on. */
export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly ram: string;
  /** Niceness that the bench ran at; below 0, other work of the machine had to wait for it. */
  readonly niceness: number;
  /** Size of the program that `hot-program` fetches. */
  readonly program: string;
  /** Tools by name, in the order of the report. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Names of the phases, in the order of the report. */
export const NAMES = Object.keys(WHAT) as PhaseName[];
/** Rounds that a report needs: a median of five bears two disturbed ones. */
export const ROUNDS = 5;
/** A cold phase shorter than this is mostly the cost of starting programs, seconds. */
export const COLD_SECONDS = 60;
/** The usual claims for such a set-up, as multiples of cold. */
export const CLAIM = { warm: 6, hot: 60 } as const;

/** The page. Ratios are of a phase and the cold phase of the same round, so that a slow round slows both. */
export function tiersReport(machine: Machine, rounds: readonly Round[]): string {
  const versions = Object.entries(machine.versions).map(([tool, version]) => `${tool} ${version}`);
  return `<!-- Written by ./warmbox bench tiers -->
# What each tier is worth

Build and test of [bench/workspace](workspace): eight members over the crates of a usual service.
${machine.cores} cores (${machine.processor}), ${machine.ram} RAM; ${versions.join(", ")}.
${rounds.length} ${rounds.length === 1 ? "round" : "rounds"}, new and empty caches in each; crates fetched before, network off for cargo. ${loadOf(machine, rounds)}

![Seconds by phase, on a logarithmic scale](tiers.svg)

| phase | scenario | cargo build, s | × cold | build and test, s | × cold | its CPU time, s | × cold | sccache: hits / misses / uncached |
|---|---|---|---|---|---|---|---|---|
${NAMES.map((name) => row(name, rounds)).join("\n")}

Seconds are medians with least and most in brackets; \`× cold\` is how many times less than the same round's cold. CPU time
counts both daemons and all that they start; it is what other work on the machine disturbs least.
Uncached calls of rustc are programs, tests, build scripts and proc macros, which sccache never keeps. Every phase was held
against the caches' own counters: warm has no miss, hot has every task \`cached-from-remote\` and no call of rustc at all.

## 6× warm, 60× hot?

${tooSmall(rounds)}${warmVerdict(rounds)}

${hotVerdict(rounds, machine)}

## Rounds

Build and test, seconds; in brackets the threads of other work that ran or waited for a core just before.

| round | ${NAMES.join(" | ")} |
|---|${NAMES.map(() => "---|").join("")}
${rounds.map((round, at) => `| ${at + 1} | ${NAMES.map((name) => cell(round[name])).join(" | ")} |`).join("\n")}
`;
}

/** All seconds of a phase. */
export function seconds(rounds: readonly Round[], name: PhaseName): number[] {
  return rounds.map((round) => round[name].seconds);
}

/** `cargo build` of cold over that of a phase, round by round; empty where moon ran all of it. */
function buildRatios(rounds: readonly Round[], name: PhaseName): number[] {
  return rounds.flatMap(({ cold, [name]: { buildSeconds } }) =>
    cold.buildSeconds === null || buildSeconds === null ? [] : [cold.buildSeconds / buildSeconds],
  );
}

/** CPU time of cold over that of a phase, round by round. */
function cpuRatios(rounds: readonly Round[], name: PhaseName): number[] {
  return rounds.map((round) => round.cold.cpuSeconds / round[name].cpuSeconds);
}

/** Cold over a phase, round by round. */
export function ratios(rounds: readonly Round[], name: PhaseName): number[] {
  return rounds.map((round) => round.cold.seconds / round[name].seconds);
}

function row(name: PhaseName, rounds: readonly Round[]): string {
  const builds = rounds.flatMap((round) => round[name].buildSeconds ?? []);
  const cells = [
    ...[name, WHAT[name], shown(builds), times(buildRatios(rounds, name))],
    ...[shown(seconds(rounds, name)), times(ratios(rounds, name))],
    ...[shown(rounds.map((round) => round[name].cpuSeconds)), times(cpuRatios(rounds, name))],
    calls(name, rounds),
  ];
  return `| ${cells.join(" | ")} |`;
}

function shown(values: readonly number[]): string {
  return values.length === 0 ? "–" : spread(values);
}

function times(values: readonly number[]): string {
  if (values.length === 0) return "–";
  return values.every((value) => value === 1) ? "1" : `${spread(values)}×`;
}

function calls(name: PhaseName, rounds: readonly Round[]): string {
  const each = rounds.map(({ [name]: { calls } }) => `${calls.hits} / ${calls.misses} / ${calls.uncached}`);
  return [...new Set(each)].join("; ");
}

function spread(values: readonly number[]): string {
  return `${figure(median(values))} (${figure(Math.min(...values))} … ${figure(Math.max(...values))})`;
}

/** Three digits at most: more would not be found again. */
function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function cell({ seconds, others }: Measured): string {
  return `${figure(seconds)} (${others.toFixed(1)})`;
}

/** Fewer other threads than this, and the machine counts as quiet. */
const QUIET = 0.5;

function loadOf({ niceness }: Machine, rounds: readonly Round[]): string {
  const others = rounds.flatMap((round) => NAMES.map((name) => round[name].others));
  const load = `Just before a phase ${spread(others)} threads of other work ran or waited for a core`;
  const quiet = median(others) < QUIET;
  const priority = niceness === 0 ? "" : ` The bench ran at niceness ${niceness}.`;
  return `${load}: ${quiet ? "a quiet machine" : "not a quiet machine, so that the ratios say more than the seconds"}.${priority}`;
}

/** Says so where the figures are no basis for a verdict: a cold build too short, or rounds too few. */
function tooSmall(rounds: readonly Round[]): string {
  const cold = median(seconds(rounds, "cold"));
  const lacks = [
    ...(cold < COLD_SECONDS ? [`cold took ${figure(cold)} s, less than ${COLD_SECONDS}`] : []),
    ...(rounds.length < ROUNDS ? [`${rounds.length} of ${ROUNDS} rounds`] : []),
  ];
  return lacks.length === 0 ? "" : `**No basis for a verdict: ${lacks.join("; ")}.**\n\n`;
}

function warmVerdict(rounds: readonly Round[]): string {
  const { uncached } = middle(rounds, "warm");
  const { hits, misses } = middle(rounds, "warm-other");
  return `At the same path **${CLAIM.warm}× warm ${verdict(rounds, "warm", CLAIM.warm)}**, in another worktree it \
**${verdict(rounds, "warm-other", CLAIM.warm)}**: ${both(rounds, "warm")} and ${both(rounds, "warm-other")}. What sets the limit: even \
with every cacheable call a hit, the ${uncached} programs, tests, build scripts and proc macros are compiled and linked again; another path \
makes ${misses} of ${hits + misses} cacheable calls miss (members, and all above a crate that includes from its OUT_DIR, as serde does).`;
}

function hotVerdict(rounds: readonly Round[], { program }: Machine): string {
  const costs = median(seconds(rounds, "hot"));
  return `For results alone **${CLAIM.hot}× hot ${verdict(rounds, "hot", CLAIM.hot)}**, with the program of ${program} fetched it \
**${verdict(rounds, "hot-program", CLAIM.hot)}**: ${both(rounds, "hot")} and ${both(rounds, "hot-program")}. What sets the limit: a hit \
starts neither cargo nor rustc and costs moon's ${figure(costs)} s whatever the build would cost, so the ratio is the size of the build; \
${CLAIM.hot}× is any work of more than ${figure(CLAIM.hot * costs)} s cold whose results, not whose \`target\`, are wanted.`;
}

/** Held against time and CPU time: a claim that only one of them bears is not certain. */
function verdict(rounds: readonly Round[], name: PhaseName, claim: number): string {
  const [time, cpu] = [median(ratios(rounds, name)) >= claim, median(cpuRatios(rounds, name)) >= claim];
  return time !== cpu ? "is not certain" : time ? "holds" : "does not hold";
}

function both(rounds: readonly Round[], name: PhaseName): string {
  return `${figure(median(ratios(rounds, name)))}× (CPU time ${figure(median(cpuRatios(rounds, name)))}×)`;
}

/** Counts of the middle round; they hardly differ between rounds. */
function middle(rounds: readonly Round[], name: PhaseName): Measured["calls"] {
  const round = rounds[Math.floor(rounds.length / 2)];
  if (round === undefined) throw new Error("no rounds");
  return round[name].calls;
}
