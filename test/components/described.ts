import type { HostDescription } from "../../components/description.ts";
import { describeHost } from "../../components/inspect.ts";
import type { HostFacts, Observed } from "../../host/types.ts";
import { gib } from "../../stacks/bytes.ts";
import { parseStackConfig } from "../../stacks/config.ts";
import { machine } from "../plan/machine.ts";

/** What a test says of its one host, `box`, beside every default. */
export type Declared = {
  host?: Record<string, unknown>;
  stack?: Record<string, unknown>;
  facts?: Partial<HostFacts>;
  observed?: Observed;
};

/** Other tests cover the scripts that run on a host. */
const library = { "prove.sh": "c0", "supervise.sh": "b0", "warmbox.sh": "a0" };

/** The arguments of the component of a machine with 16 GiB, 8 cores and 400 GiB of disk. */
export function described({ host = {}, stack = {}, facts = {}, observed }: Declared = {}): HostDescription {
  const config = parseStackConfig({ hosts: { box: host }, ...stack });
  const box = config.hosts.box;
  if (box === undefined) throw new Error("no host box");
  const probe = {
    facts: machine(gib(16), 8, gib(400), facts),
    observed: observed ?? { library: null, ledgers: {} },
  };
  return describeHost({ name: "box", host: box, stack: config, owner: "local", library, probe });
}
