import * as pulumi from "@pulumi/pulumi";
import { cargoScript } from "../render/cargo/cargo-resource.ts";
import type { TierArgs } from "./description.ts";
import { hostResource } from "./host-resource.ts";

/**
 * Tier 3 and cargo's way to tier 1: one CARGO_HOME for all builds, whose settings put sccache in front of rustc.
 * @see https://doc.rust-lang.org/cargo/reference/config.html
 */
export class CargoRegistry extends pulumi.ComponentResource {
  /** The one CARGO_HOME. */
  public readonly cargoHome: pulumi.Output<string>;

  constructor(name: string, args: TierArgs, opts: pulumi.ComponentResourceOptions) {
    const outputs = { cargoHome: args.input.paths.cargoHome, jobs: args.input.plan.builders.jobs };
    super("warmbox:index:CargoRegistry", name, outputs, opts);
    const script = (ownership: { owner: string; generation: number }) =>
      cargoScript({ ...args.input, ...ownership });
    hostResource({ host: args.host, resource: "cargo", script }, { parent: this });
    this.cargoHome = pulumi.output(outputs.cargoHome);
    this.registerOutputs(outputs);
  }
}
