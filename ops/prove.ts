import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { parse as parseYaml } from "yaml";
import { inspectHosts } from "../components/inspect.ts";
import { reachPrefix, runScript, shellWord } from "../host/reach.ts";
import { parseSections, type Section, wordOf, wordsOf } from "../host/sections.ts";
import { bazelRemoteGiB, gib } from "../plan/bytes.ts";
import { httpGet } from "../render/http-get.ts";
import { grpcUrl } from "../render/moon-env.ts";
import type { ResourceInput } from "../render/resource.ts";
import { readStack } from "../stacks/config.ts";
import type { StackConfig } from "../stacks/types.ts";

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

/** What a proof is to be held against: rendered and planned values of one host. */
export type ProofInput = Pick<ResourceInput, "host" | "plan" | "paths" | "tools">;

/** Words of `prove` in host/prove.sh. A tier that the stack has not is left out. */
export function proofWords({ host, plan, paths, tools }: ProofInput): string[] {
  const remote = host["bazel-remote"];
  const words = {
    ...(host.cargo.enabled ? { cargo_home: paths.cargoHome } : {}),
    ...(host.cargo.enabled && host.sccache.enabled
      ? {
          sccache: tools.sccache,
          port: plan.sccache.port,
          max_cache_size: plan.sccache.max_size,
          wrapper: `${paths.bin}/rustc-wrapper`,
          conf: paths.sccacheConfig,
          cache: plan.sccache.dir,
        }
      : {}),
    ...(host.moon.enabled && remote.enabled
      ? {
          env: `${paths.config}/env`,
          http: remote.http_address,
          http_get: httpGet(),
          grpc: grpcUrl(remote),
          MaxSize: Number(bazelRemoteGiB(plan.bazelRemote.max_size, "floor")) * gib(1),
        }
      : {}),
  };
  return Object.entries(words).map(([name, value]) => `${name}=${value}`);
}

/** The script that proves one host; to be run through its {@link reachPrefix}. */
export async function proofScript(input: ProofInput): Promise<string> {
  const text = await readFile(new URL("../host/prove.sh", import.meta.url), "utf8");
  return `${text}\nprove ${proofWords(input).map(shellWord).join(" ")} </dev/null\n`;
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

async function stackOf(name: string, host: string | undefined): Promise<StackConfig> {
  const file = new URL(`../stacks/Pulumi.${name}.yaml`, import.meta.url);
  const text = await readFile(file, "utf8").catch(() => {
    throw new Error(`--stack ${name}: there is no stacks/Pulumi.${name}.yaml`);
  });
  const config = ((parseYaml(text) ?? {}) as { config?: Record<string, unknown> }).config ?? {};
  const stack = readStack((key) => config[`warmbox:${key}`]);
  if (host === undefined) return stack;
  const one = stack.hosts[host];
  if (one === undefined)
    throw new Error(`--host ${host}: the stack ${name} has ${Object.keys(stack.hosts).join(", ")}`);
  return { ...stack, hosts: { [host]: one } };
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
    const proofs = await proveHosts(await stackOf(flags.stack ?? "local", flags.host));
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
