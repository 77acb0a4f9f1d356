import { below, hostPaths } from "../../plan/paths.ts";
import { planHost } from "../../plan/sizing.ts";
import { storeOf } from "../../plan/store.ts";
import type { ResourceInput } from "../../render/lib/resource.ts";
import { gib } from "../../stacks/bytes.ts";
import { parseStackConfig } from "../../stacks/config.ts";
import { disk, machine } from "../plan/machine.ts";

const HOME = "/home/ci";

/** What every resource of a 16 GiB, 8-core machine is rendered from; `stack` is the stack file without the host's part. */
export function boxInput(
  declared: Record<string, unknown> = {},
  stack: Record<string, unknown> = {},
): ResourceInput {
  const config = parseStackConfig({ hosts: { box: declared }, ...stack });
  const host = config.hosts.box;
  if (host === undefined) throw new Error("no host box");
  const cargoHome = below(HOME, host.cargo.home ?? ".cargo");
  const facts = machine(gib(16), 8, gib(400), {
    cargoHome,
    disks: {
      sccache: disk(below(HOME, host.sccache.dir ?? ".cache/sccache"), gib(400)),
      "bazel-remote": disk(below(HOME, host["bazel-remote"].dir ?? ".cache/bazel-remote"), gib(400)),
    },
  });
  const paths = hostPaths(host, HOME, cargoHome);
  const tool = (name: string) => `${paths.share}/tools/${name}/1.0.0/${name}`;
  return {
    owner: "local",
    generation: 3,
    host,
    plan: planHost(facts, host, "box"),
    paths,
    kind: "process",
    tools: { sccache: tool("sccache"), "bazel-remote": tool("bazel-remote"), moon: tool("moon") },
    store: storeOf(config, "warmbox-created"),
    user: "ci",
  };
}
