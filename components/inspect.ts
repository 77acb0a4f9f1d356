import { createHash } from "node:crypto";
import type { Probe } from "../host/facts.ts";
import { declaredFacts, probeHost, UnreachableError } from "../host/probe.ts";
import { hostAddress, reachPrefix } from "../host/reach.ts";
import { scriptText } from "../host/scripts.ts";
import { decideHost } from "../plan/host-decisions.ts";
import { localIssues } from "../plan/host-issues.ts";
import { PLACEHOLDER_FACTS } from "../plan/placeholder-facts.ts";
import { LIBRARY_SCRIPTS, type LibrarySums } from "../render/lib/library-resource.ts";
import { ConfigError } from "../stacks/issue.ts";
import type { HostConfig, StackConfig } from "../stacks/types.ts";
import type { BuildHostArgs } from "./build-host.ts";
import type { UnreachableHost } from "./unreachable.ts";

/** What a stack's hosts answered. */
export interface Fleet {
  readonly boxes: BuildHostArgs[];
  readonly unreachable: UnreachableHost[];
}

/**
 * Probes every host of a stack at once and makes each one's plan: all that a program must know before it declares its
 * first resource. One spawned process per host; nothing is changed.
 * @throws Error with every host that answered and does not add up, one after the other; or where none can be spoken of
 */
export async function inspectFleet(stack: StackConfig, owner: string): Promise<Fleet> {
  const library = librarySums();
  const found = await Promise.allSettled(
    Object.entries(stack.hosts).map(async ([name, host]) =>
      inspectHost({ name, host, stack, owner, library }),
    ),
  );
  const faults = found.flatMap((one) => (one.status === "rejected" ? [messageOf(one.reason)] : []));
  const answers = found.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const boxes = answers.flatMap((one) => ("box" in one ? [] : [one]));
  const unreachable = answers.flatMap((one) => ("box" in one ? [one] : []));
  const nobody = boxes.length === 0 && !unreachable.some((one) => one.declared);
  if (nobody || faults.length > 0) faults.push(...unreachable.map(({ message }) => message));
  if (faults.length > 0) throw new Error(faults.join("\n"));
  return { boxes, unreachable };
}

/** One host of a stack, for what looks at each by itself. @throws Error where it does not answer or add up */
export async function inspectOne(stack: StackConfig, name: string, host: HostConfig): Promise<BuildHostArgs> {
  const found = await inspectHost({ name, host, stack, owner: "nobody", library: librarySums() });
  if ("box" in found) throw new Error(found.message);
  return found;
}

async function inspectHost(known: Omit<HostDescription, "probe">): Promise<BuildHostArgs | UnreachableHost> {
  const { name, host } = known;
  const faults = localIssues(name, host, process.getuid?.());
  if (faults.length > 0) throw new ConfigError(faults);
  try {
    const box = describeHost({ ...known, probe: await probeHost(name, host) });
    return { ...box, ...(await containerComponent(box)) };
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    const { box, ...rest } = describeUnreachable(known, error.message);
    return { ...rest, box: { ...box, ...(await containerComponent(box)) } };
  }
}

/** `@pulumi/docker` is loaded only here, and only for a host that wants it. */
async function containerComponent({ input }: BuildHostArgs): Promise<Partial<BuildHostArgs>> {
  if (input.container === undefined) return {};
  const { BazelRemoteContainer } = await import("./bazel-remote-container.ts");
  return { BazelRemoteContainer };
}

/** A host that did not answer, from what its stack declares of it; where that is not enough, from stand-in facts. */
function describeUnreachable(known: Omit<HostDescription, "probe">, message: string): UnreachableHost {
  const { name, host } = known;
  try {
    const probe = declaredFacts(name, host);
    return { message, declared: true, box: describeHost({ ...known, probe }) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const probe = declaredFacts(name, { ...host, facts: PLACEHOLDER_FACTS });
    return { message, declared: false, box: describeHost({ ...known, probe }) };
  }
}

/** Everything that one host's declaration depends on. */
export interface HostDescription {
  readonly name: string;
  readonly host: HostConfig;
  readonly stack: StackConfig;
  readonly owner: string;
  readonly library: BuildHostArgs["library"];
  readonly probe: Probe;
}

/**
 * From a probe to the arguments of {@link BuildHost}. Pure but for the clock.
 * @throws ConfigError if the host cannot be what the stack declares
 * @throws Error if there is no usable binary of a tool
 */
export function describeHost({ probe, ...description }: HostDescription): BuildHostArgs {
  const { name, host, stack, owner, library } = description;
  const { facts, observed } = probe;
  const { settings, ...decisions } = decideHost({ ...description, facts });
  const nowSeconds = Math.floor(Date.now() / 1000);
  return {
    ...decisions,
    host: { name, owner, prefix: reachPrefix(host), address: hostAddress(host), observed, nowSeconds },
    library,
    arch: facts.arch,
    proof: stack.proof,
    input: settings,
  };
}

/** Sums of the texts as they lie in this checkout. */
export function librarySums(): LibrarySums {
  const sum = (name: string) => createHash("sha256").update(scriptText(name)).digest("hex");
  return Object.fromEntries(LIBRARY_SCRIPTS.map((name) => [name, sum(name)])) as LibrarySums;
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
