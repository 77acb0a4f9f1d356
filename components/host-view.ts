import * as pulumi from "@pulumi/pulumi";
import { hostAddress, reachPrefix } from "../host/reach.ts";
import { type BuildHostArgs, type CheckedArgs, parsed } from "./build-host-args.ts";
import type { HostDescription } from "./description.ts";
import { describePlaceholder, type HostQuestion, inspectHost, librarySums } from "./inspect.ts";

/**
 * How much of a host a run knows. `complete`: its facts, probed or declared. `unknown`: a preview before the machine
 * exists. `unchanged`: a preview in which it does not answer, so its resources are shown as the state has them.
 */
export interface HostView {
  readonly description: HostDescription;
  readonly scripts: "complete" | "unknown" | "unchanged";
  /** What a person should know about it. */
  readonly warning?: string;
}

/** What a view is made from. */
export interface ViewContext {
  readonly name: string;
  readonly args: BuildHostArgs;
  readonly checked: CheckedArgs;
  readonly dependsOn: pulumi.ComponentResourceOptions["dependsOn"];
}

/**
 * Looks at a host at its turn: after its address is known and, in an `up`, after everything that it depends on exists.
 * @throws RunError if an `up` cannot reach it, or if it is not what the program declares
 */
export async function viewHost(context: ViewContext): Promise<HostView> {
  try {
    const reach = await knownValue(pulumi.output(context.args.reach ?? { kind: "local" as const }));
    return reach === undefined ? beforeMachine(context) : await probedHost(context, reach);
  } catch (error) {
    throw error instanceof pulumi.RunError ? error : new pulumi.RunError((error as Error).message);
  }
}

/** The address is not known before the machine exists: the plan shows if the program declares facts. */
function beforeMachine(context: ViewContext): HostView {
  const { name, checked } = context;
  const { declared, box } = describePlaceholder(question(name, checked));
  const after = "it is probed in the up, after its machine exists";
  const warning = declared
    ? `${name}: its address is not known yet: previewed from facts; ${after}`
    : `${name}: its address is not known yet, so no script can be shown; ${after}. Next: declare facts to preview its plan`;
  return { description: connected(box, context), scripts: declared ? "complete" : "unknown", warning };
}

async function probedHost(context: ViewContext, reach: unknown): Promise<HostView> {
  const { name, args, dependsOn } = context;
  const { host, stack } = parsed(name, args, reach);
  await created(dependsOn);
  const answer = await inspectHost(question(name, { host, stack }));
  if (!("box" in answer)) return { description: connected(answer, context), scripts: "complete" };
  if (!pulumi.runtime.isDryRun())
    throw new pulumi.RunError(`${answer.message}\n  nothing of it was changed; the hosts that answer go on`);
  return {
    description: connected(answer.box, context),
    scripts: answer.declared ? "complete" : "unchanged",
    warning: answer.message,
  };
}

/** Owner of what is applied: a stack's name alone may exist in several projects that share a host. */
function question(name: string, { host, stack }: CheckedArgs): HostQuestion {
  return { name, host, stack, owner: `${pulumi.getProject()}/${pulumi.getStack()}`, library: librarySums() };
}

/** The connection depends on the machine's resources, so that a destroy cleans the host before the machine is deleted. */
function connected(description: HostDescription, { name, args, dependsOn }: ViewContext): HostDescription {
  if (args.reach?.kind !== "ssh") return { ...description, host: { ...description.host, dependsOn } };
  const host = pulumi.output(args.reach).apply((reach) => parsed(name, args, reach).host);
  const [prefix, address] = [host.apply(reachPrefix), host.apply(hostAddress)];
  return { ...description, host: { ...description.host, prefix, address, dependsOn } };
}

/** The value of an output; undefined in a preview that does not know it yet. */
async function knownValue<T>(output: pulumi.Output<T>): Promise<T | undefined> {
  const { isKnown, promise } = output as unknown as { isKnown: Promise<boolean>; promise(): Promise<T> };
  return (await isKnown) ? await promise.call(output) : undefined;
}

/** Waits until resources, and what they are made of, exist. */
async function created(dependsOn: ViewContext["dependsOn"]): Promise<void> {
  const resources = await knownValue(pulumi.output(dependsOn as pulumi.Input<pulumi.Resource[]>));
  await Promise.all([resources ?? []].flat().map(registered));
}

async function registered(resource: pulumi.Resource): Promise<void> {
  await knownValue(resource.urn);
  const { __childResources: children } = resource as { __childResources?: Set<pulumi.Resource> };
  await Promise.all([...(children ?? [])].map(registered));
}
