import * as pulumi from "@pulumi/pulumi";
import { sccacheScript } from "../render/sccache/sccache-resource.ts";
import { formatBytes } from "../stacks/bytes.ts";
import type { TierArgs } from "./description.ts";
import { hostResource, type Ownership, overStore } from "./host-resource.ts";

/**
 * Tier 1: the one sccache server of a host's user, its configuration, and its cap as it is in force.
 * @see https://github.com/mozilla/sccache
 */
export class Sccache extends pulumi.ComponentResource {
  /** TCP port on 127.0.0.1. */
  public readonly port: pulumi.Output<number>;
  /** Cap of the local cache, e.g. `30GiB`. */
  public readonly maxSize: pulumi.Output<string>;
  /** Directory of the local cache. */
  public readonly dir: pulumi.Output<string>;

  constructor(name: string, args: TierArgs, opts: pulumi.ComponentResourceOptions) {
    const { port, max_size, dir } = args.input.plan.sccache;
    const outputs = { port, maxSize: formatBytes(max_size), dir };
    super("warmbox:index:Sccache", name, outputs, opts);
    const script = (ownership: Ownership) =>
      overStore(args, (store) => sccacheScript({ ...args.input, store, ...ownership }));
    hostResource({ host: args.host, resource: "sccache", script }, { parent: this });
    this.port = pulumi.output(port);
    this.maxSize = pulumi.output(outputs.maxSize);
    this.dir = pulumi.output(dir);
    this.registerOutputs(outputs);
  }
}
