import * as pulumi from "@pulumi/pulumi";
import { sessionVariables } from "../render/moon/moon-env.ts";
import { moonScript } from "../render/moon/moon-resource.ts";
import type { TierArgs } from "./description.ts";
import { hostResource } from "./host-resource.ts";

/**
 * Tier 2, the client: moon's settings for every workspace of the host, in the environment of all that builds there; and
 * CARGO_HOME beside them, where cargo would take another.
 * @see https://moonrepo.dev/docs/guides/remote-cache
 */
export class MoonWorkspace extends pulumi.ComponentResource {
  /** The variables that every session gets. */
  public readonly environment: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: TierArgs, opts: pulumi.ComponentResourceOptions) {
    const environment = sessionVariables(args.input);
    super("warmbox:index:MoonWorkspace", name, { environment }, opts);
    const script = (ownership: { owner: string; generation: number }) =>
      moonScript({ ...args.input, ...ownership });
    hostResource({ host: args.host, resource: "moon", script }, { parent: this });
    this.environment = pulumi.output(environment);
    this.registerOutputs({ environment });
  }
}
