import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { inspectHosts } from "../components/inspect.ts";
import { reachPrefix, runScript } from "../host/reach.ts";
import { parseSections, type Section, wordOf, wordsOf } from "../host/sections.ts";
import { type ProofInput, proofCall } from "../render/proof-resource.ts";
import type { StackConfig } from "../stacks/types.ts";
import { type HostFlags, stackHosts } from "./stack-hosts.ts";

const HELP = `Shows on a host that all three caches hit: builds tiny crates and tasks of its own, twice.

npm run prove                                  every host of the stack local
npm run prove -- --host NAME [--stack STACK]   one host

  --json    the same as data
  --help    this text
`;

/** The whole proof takes seconds; its steps have limits of their own that add up to less than this. */
export const PROVE_LIMIT_SECONDS = 60;

/** What the proof of one tier found. */
export interface TierProof {
  readonly tier: string;
  /** `skipped`: something that the proof needs is not on the host; never silent. */
  readonly state: "proved" | "failed" | "skipped";
  /** What was seen to hold. */
  readonly facts: readonly string[];
  /** What was seen not to hold, or why the tier was skipped; `next` is the step that mends it. */
  readonly causes: readonly { readonly cause: string; readonly next: string | null }[];
}

/** The script that proves one host; to be run through its {@link reachPrefix}. */
export async function proofScript(input: ProofInput): Promise<string> {
  return `${await proveText()}\n${proofCall(input)}\n`;
}

/** Text of the program that proves. */
export async function proveText(): Promise<string> {
  return await readFile(new URL("../host/prove.sh", import.meta.url), "utf8");
}

/** Takes the script's answer apart. @throws Error where it has no end: the script was cut */
export function parseProof(text: string): TierProof[] {
  const sections = parseSections(text);
  if (sections.at(-1)?.name !== "end") throw new Error("the proof was cut short; next: run it once more");
  return sections.filter(({ name }) => name === "prove").map(tierProof);
}

function tierProof({ words, lines }: Section): TierProof {
  const [tier = "", state = ""] = words.split(" ");
  if (state !== "proved" && state !== "failed" && state !== "skipped")
    throw new Error(`the proof of ${tier} ended as '${state}'`);
  const causes = lines.flatMap((line, at) => {
    const [cause] = wordsOf([line], "cause");
    return cause === undefined ? [] : [{ cause, next: wordOf(lines.slice(at + 1, at + 2), "next") }];
  });
  return { tier, state, facts: wordsOf(lines, "fact"), causes };
}

/** A table for people: one block per host, one line per finding. */
export function proofReport(proofs: Readonly<Record<string, readonly TierProof[]>>): string {
  return Object.entries(proofs)
    .map(([host, tiers]) => `${host}\n${tiers.flatMap(tierLines).join("\n")}\n`)
    .join("\n");
}

const INDENT = " ".repeat(18);

function tierLines({ tier, state, facts, causes }: TierProof): string[] {
  const lines = [
    ...facts.map((fact) => fact),
    ...causes.flatMap(({ cause, next }) => [cause, ...(next === null ? [] : [`next: ${next}`])]),
  ];
  const head = `  ${tier.padEnd(8)}${state.padEnd(8)}`;
  return lines.length === 0
    ? [head.trimEnd()]
    : lines.map((line, at) => `${at === 0 ? head : INDENT}${line}`);
}

/** True where no tier failed; a skipped tier does not count as failed, and is shown. */
export function allProved(tiers: readonly TierProof[]): boolean {
  return tiers.every(({ state }) => state !== "failed");
}

/** Proves every host of a stack, all at once. @throws Error where a host cannot be reached or its answer is cut */
export async function proveHosts(stack: StackConfig): Promise<Record<string, TierProof[]>> {
  const hosts = await inspectHosts(stack, "prove");
  const proofs = hosts.map(async ({ host, input }) => {
    const prefix = reachPrefix(input.host);
    const result = await runScript(prefix, [], await proofScript(input), {
      timeoutSeconds: PROVE_LIMIT_SECONDS,
    });
    try {
      return [host.name, parseProof(result.stdout)] as const;
    } catch (error) {
      throw new Error(`${host.name}: ${(error as Error).message}\n${result.stderr}`);
    }
  });
  return Object.fromEntries(await Promise.all(proofs));
}

/** The stack with the hosts that the flags name. */
async function stackOf(flags: HostFlags): Promise<StackConfig> {
  const { config, hosts } = await stackHosts(flags);
  return { ...config, hosts: Object.fromEntries(hosts.map(({ name, host }) => [name, host])) };
}

/** Runs the command; returns its exit code: 0 proved, 1 a tier failed or a host does not answer, 2 wrong flags. */
export async function main(
  argv: string[],
  write: (text: string) => void,
  complain: (text: string) => void,
): Promise<number> {
  const flags = readFlags(argv);
  if (typeof flags === "string") {
    complain(`prove: ${flags}: \`npm run prove -- --help\` lists the flags\n`);
    return 2;
  }
  if (flags.help) {
    write(HELP);
    return 0;
  }
  try {
    const proofs = await proveHosts(await stackOf(flags));
    write(flags.json ? `${JSON.stringify(proofs, null, 2)}\n` : proofReport(proofs));
    return Object.values(proofs).every(allProved) ? 0 : 1;
  } catch (error) {
    complain(`prove: ${(error as Error).message}\n`);
    return 1;
  }
}

function readFlags(argv: string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({ args: argv, options: { host: text, stack: text, json: flag, help: flag } }).values;
  } catch (error) {
    return (error as Error).message.split(". ")[0] ?? "wrong flags";
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(
    process.argv.slice(2),
    (text) => process.stdout.write(text),
    (text) => process.stderr.write(text),
  );
}
