import { createHash } from "node:crypto";
import { declaredFacts, probeHost, UnreachableError } from "../host/probe.ts";
import { hostAddress, reachPrefix } from "../host/reach.ts";
import { scriptText } from "../host/scripts.ts";
import type { Probe } from "../host/types.ts";
import { decideHost, type HostContext } from "../plan/host-decisions.ts";
import { localIssues } from "../plan/host-issues.ts";
import { PLACEHOLDER_FACTS } from "../plan/placeholder-facts.ts";
import { LIBRARY_SCRIPTS, type LibrarySums } from "../render/lib/library-resource.ts";
import { ConfigError } from "../stacks/issue.ts";
import type { HostConfig, StackConfig } from "../stacks/types.ts";
import type { HostDescription } from "./description.ts";

/** A host that did not answer. */
export interface UnreachableHost {
  /** Complete: host, user, ssh's words, next step. */
  readonly message: string;
  /** Its resources, from the stack's facts about it or from placeholder facts. */
  readonly box: HostDescription;
  /** True if the stack declares all of its facts, so that a preview can show what would change. */
  readonly declared: boolean;
}

/** What a stack's hosts answered. */
export interface Fleet {
  readonly boxes: HostDescription[];
  readonly unreachable: UnreachableHost[];
}

/** One host, to be probed. */
export type HostQuestion = Omit<HostContext, "facts"> & { readonly library: LibrarySums };

/** One host and its answer to the probe. */
export type ProbedHost = HostQuestion & { readonly probe: Probe };

/**
 * Probes every host of a stack at once and decides everything about each, before the program declares its first
 * resource. One spawned process per host; nothing is changed.
 * @throws Error with every host that answered and cannot be what the stack declares; or if there is no host to work on
 */
export async function inspectFleet(stack: StackConfig, owner: string): Promise<Fleet> {
  const library = librarySums();
  const settled = await Promise.allSettled(
    Object.entries(stack.hosts).map(([name, host]) => inspectHost({ name, host, stack, owner, library })),
  );
  const mistakes = settled.flatMap((host) => (host.status === "rejected" ? [messageOf(host.reason)] : []));
  const answers = settled.flatMap((host) => (host.status === "fulfilled" ? [host.value] : []));
  const boxes = answers.flatMap((answer) => ("box" in answer ? [] : [answer]));
  const unreachable = answers.flatMap((answer) => ("box" in answer ? [answer] : []));
  const isEmpty = boxes.length === 0 && !unreachable.some(({ declared }) => declared);
  if (isEmpty || mistakes.length > 0) mistakes.push(...unreachable.map(({ message }) => message));
  if (mistakes.length > 0) throw new Error(mistakes.join("\n"));
  return { boxes, unreachable };
}

/** One host of a stack, for a command that works on each by itself. @throws Error if it does not answer or is refused */
export async function inspectOne(
  stack: StackConfig,
  name: string,
  host: HostConfig,
): Promise<HostDescription> {
  const answer = await inspectHost({ name, host, stack, owner: "none", library: librarySums() });
  if ("box" in answer) throw new Error(answer.message);
  return answer;
}

/** Probes one host. @throws ConfigError if it cannot be what the stack declares */
export async function inspectHost(question: HostQuestion): Promise<HostDescription | UnreachableHost> {
  const { name, host } = question;
  const issues = localIssues(name, host, process.getuid?.());
  if (issues.length > 0) throw new ConfigError(issues);
  try {
    return describeHost({ ...question, probe: await probeHost(name, host) });
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    return { ...describePlaceholder(question), message: error.message };
  }
}

/** A host that cannot be probed: from what its stack declares, and if that is incomplete, from placeholder facts. */
export function describePlaceholder(question: HostQuestion): Omit<UnreachableHost, "message"> {
  const { name, host } = question;
  try {
    return { declared: true, box: describeHost({ ...question, probe: declaredFacts(name, host) }) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const probe = declaredFacts(name, { ...host, facts: PLACEHOLDER_FACTS });
    return { declared: false, box: describeHost({ ...question, probe }) };
  }
}

/**
 * From a probe to everything that the host's resources are declared from. Pure but for the clock.
 * @throws ConfigError if the host cannot be what the stack declares
 * @throws Error if there is no usable binary of a tool
 */
export function describeHost({ probe, ...question }: ProbedHost): HostDescription {
  const { name, host, stack, owner, library } = question;
  const { facts, observed } = probe;
  const { settings, ...decisions } = decideHost({ ...question, facts });
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

/** Checksums of the scripts as they are on this disk. */
export function librarySums(): LibrarySums {
  const sum = (name: string) => createHash("sha256").update(scriptText(name)).digest("hex");
  return Object.fromEntries(LIBRARY_SCRIPTS.map((name) => [name, sum(name)])) as LibrarySums;
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
