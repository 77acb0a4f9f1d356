import { local } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { generationFor } from "../plan/generation.ts";
import type { Store } from "../plan/store.ts";
import type { HostConnection } from "./description.ts";

/** The two words that a script's `resource` line carries. */
export interface Ownership {
  readonly owner: string;
  readonly generation: number;
}

/** One resource of a host: a readable script that its library runs with `apply` or `remove`. */
export interface HostResourceArgs {
  readonly host: HostConnection;
  /** The ledger's name on the host, and the last part of the Pulumi name. */
  readonly resource: string;
  /** Renders the whole script for an owner and generation. */
  readonly script: (ownership: Ownership) => pulumi.Input<string>;
  /** What of its output goes to Pulumi's display; default nothing, since a script's output belongs to its failure. */
  readonly logging?: local.Logging;
  /** Runs the script; default: the host's own prefix. */
  readonly interpreter?: pulumi.Input<readonly string[]>;
}

/**
 * Declares one resource of a host as a `command.local.Command` whose `stdin` is the script, so that `preview --diff`
 * shows the changed lines of the very files. Drift and a change of owner become a warning with the diff.
 *
 * Another address means another host: the old one is cleaned first. The same address by other options of ssh does not.
 * @see https://www.pulumi.com/registry/packages/command/api-docs/local/command/
 */
export function hostResource(args: HostResourceArgs, opts: pulumi.CustomResourceOptions): local.Command {
  const { host, resource } = args;
  const ledger = host.observed.ledgers[resource];
  const generation = generationFor(ledger, host.owner, host.nowSeconds);
  const script = () => args.script({ owner: host.owner, generation });
  const command = new local.Command(
    `${host.name}-${resource}`,
    {
      interpreter: (args.interpreter ?? host.prefix) as pulumi.Input<string[]>,
      create: "apply",
      delete: "remove",
      stdin: host.scripts === undefined ? script() : host.scripts.apply(() => script() as string),
      triggers: [host.address],
      logging: args.logging ?? local.Logging.None,
      addPreviousOutputInEnv: false,
    },
    { deleteBeforeReplace: true, ...opts },
  );
  for (const warning of warningsFor(host, resource)) pulumi.log.warn(warning, command);
  return command;
}

/** Shows a resource as the state has it, whatever the program declares. */
export const unchanged: pulumi.ResourceTransformation = ({ props, opts }) => ({
  props,
  opts: pulumi.mergeOptions(opts, { ignoreChanges: ["*"] }),
});

/** Renders over the store behind the caches: at once where it is known, else when its bucket and keys are. */
export function overStore<T = string>(
  args: { readonly input: { readonly store: Store }; readonly store?: pulumi.Input<Store> | undefined },
  render: (store: Store) => T,
): T | pulumi.Output<T> {
  const { store = args.input.store } = args;
  return "kind" in store && typeof store.kind === "string"
    ? render(store as Store)
    : (pulumi.output(store).apply(render) as pulumi.Output<T>);
}

/** What a person should know before this resource changes: drift with its diff, another stack's ownership, notes. */
export function warningsFor(host: HostConnection, resource: string): string[] {
  const ledger = host.observed.ledgers[resource];
  if (ledger === undefined) return [];
  const warnings: string[] = [];
  if (ledger.owner !== host.owner) {
    warnings.push(
      `${host.name}: ${resource} was last applied by stack "${ledger.owner}"; this stack, "${host.owner}", takes it over on up.`,
    );
  }
  if (ledger.drift !== "") {
    warnings.push(
      `${host.name}: ${resource} is not as it was applied; up puts it back:\n${ledger.drift.trimEnd()}`,
    );
  }
  warnings.push(...(ledger.notes ?? []).map((note) => `${host.name}: ${note}`));
  return warnings;
}
