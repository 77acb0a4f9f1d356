import { inspectOne } from "../components/inspect.ts";
import { reachPrefix } from "../host/reach.ts";
import { scriptText } from "../host/scripts.ts";
import { parseSections, type Section, wordOf, wordsOf } from "../host/sections.ts";
import { hasOpenStatus } from "../plan/status-access.ts";
import { type ProofTier, proofScript, proofTiers } from "../render/lib/proof-resource.ts";
import type { HostConfig, StackConfig } from "../stacks/types.ts";
import { type ProgressStream, startProgress } from "../tools/progress.ts";
import { PROVE } from "./definitions.ts";
import { type HostOutcome, hostsCommand, runMain } from "./frame.ts";
import { PLAIN, styled, table } from "./layout.ts";
import { streamScript } from "./warm/stream.ts";

/** The script ends by itself within half a minute; what is longer is a connection that hangs. */
export const PROVE_LIMIT_SECONDS = 60;

/** What the proof of one tier found. */
export interface TierProof {
  readonly tier: string;
  /** `skipped`: something that the proof needs is not on the host; never silent. */
  readonly state: "proved" | "failed" | "skipped";
  /** What was seen to hold. */
  readonly facts: readonly string[];
  /** What could not be shown, and fails nothing. */
  readonly warnings: readonly string[];
  /** What does not hold, or why the tier was skipped; `next` is the step that fixes it. */
  readonly causes: readonly { readonly cause: string; readonly next: string | null }[];
}

/**
 * Takes the script's answer apart.
 * @param tiers tiers that were asked for: one without a verdict has failed
 * @throws Error where it has no end: the script was cut
 */
export function parseProof(text: string, tiers: readonly ProofTier[]): TierProof[] {
  const sections = parseSections(text);
  if (sections.at(-1)?.name !== "end") throw new Error("the proof was cut short; next: run it once more");
  const proofs = sections.filter(({ name }) => name === "prove").map(tierProof);
  const missing = tiers.filter((tier) => !proofs.some((proof) => proof.tier === tier));
  return [...proofs, ...missing.map(withoutVerdict)];
}

function withoutVerdict(tier: ProofTier): TierProof {
  const cause = {
    cause: "the proof was truncated: it has no result for this tier",
    next: "./warmbox prove once more",
  };
  return { tier, state: "failed", facts: [], warnings: [], causes: [cause] };
}

function tierProof({ args, lines }: Section): TierProof {
  const [tier = "", state = ""] = args.split(" ");
  if (state !== "proved" && state !== "failed" && state !== "skipped")
    throw new Error(`the proof of ${tier} ended as '${state}'`);
  const causes = lines.flatMap((line, index) => {
    const [cause] = wordsOf([line], "cause");
    return cause === undefined ? [] : [{ cause, next: wordOf(lines.slice(index + 1, index + 2), "next") }];
  });
  return { tier, state, facts: wordsOf(lines, "fact"), warnings: wordsOf(lines, "warn"), causes };
}

const UNKNOWN_FIGURES =
  "MaxSize, GOMEMLIMIT and GOGC are unknown: bazel-remote requires a password or certificate for its figures";

/** Tier 2, with a note on figures that the server does not give. */
function withUnknownFigures(proof: TierProof, host: HostConfig): TierProof {
  if (proof.tier !== "moon" || proof.state === "skipped" || hasOpenStatus(host)) return proof;
  return { ...proof, facts: [...proof.facts, UNKNOWN_FIGURES] };
}

/** The proof of one host. */
export type HostProof = { readonly tiers: readonly TierProof[] };

/** The report for people: a block per host, a line per result. */
export function proofReport(results: readonly HostOutcome<HostProof>[], layout = PLAIN): string {
  return results
    .map((result) => {
      const rows = "error" in result ? [[result.error]] : result.value.tiers.flatMap(tierRows);
      const lines = table(rows.length === 0 ? [["no tier is enabled: nothing to prove"]] : rows, layout);
      return `${styled(layout, "bold", result.name)}\n${lines.join("\n")}\n`;
    })
    .join("\n");
}

function tierRows({ tier, state, facts, warnings, causes }: TierProof): string[][] {
  const observations = [...facts, ...warnings.map((warning) => `WARNING: ${warning}`)];
  const reasons = causes.flatMap(({ cause, next }) => [cause, ...(next === null ? [] : [`next: ${next}`])]);
  const lines = state === "skipped" ? [...reasons, ...observations] : [...observations, ...reasons];
  const [first = "", ...rest] = lines;
  return [[tier, state, first], ...rest.map((line) => ["", "", line])];
}

/** True where no tier failed; a skipped tier does not count as failed, and is shown. */
export function allProved(tiers: readonly TierProof[]): boolean {
  return tiers.every(({ state }) => state !== "failed");
}

/** Proves one host. @throws Error where it cannot be reached or its answer is cut */
async function proveHost(
  stack: StackConfig,
  name: string,
  host: HostConfig,
  stream: ProgressStream,
): Promise<TierProof[]> {
  const { input } = await inspectOne(stack, name, host);
  const progress = startProgress(name, stream);
  progress.detail("proving");
  const lines: string[] = [];
  const script = proofScript(scriptText("prove.sh"), input);
  const { stderr } = await streamScript(
    reachPrefix(host),
    script,
    (line) => {
      lines.push(line);
      const [, tier] = /^@@warmbox ended (\S+)$/.exec(line) ?? [];
      if (tier !== undefined) progress.detail(`${tier} is done`);
    },
    PROVE_LIMIT_SECONDS,
  ).finally(() => progress.end());
  try {
    return parseProof(lines.join("\n"), proofTiers(input)).map((proof) => withUnknownFigures(proof, host));
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${stderr}`.trimEnd());
  }
}

/** The command; exit code 1 if a tier failed. */
export const main = hostsCommand(PROVE, {
  run: async (name, host, { config, progress }) => ({ tiers: await proveHost(config, name, host, progress) }),
  text: proofReport,
  isGood: ({ tiers }) => allProved(tiers),
  hasProgress: true,
});

if (process.argv[1] === import.meta.filename) await runMain("prove", main);
