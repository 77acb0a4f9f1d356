import type { Bytes } from "../stacks/bytes.ts";
import type { BazelRemotePlan } from "./bazel-remote.ts";
import type { Builders } from "./builders.ts";

/** Every computed number of one host; `explain/` gives the reasons. Sizes are bytes. */
export type CachePlan = {
  /** RAM that is divided: the machine's, or its cgroup's limit if that is smaller. */
  memory: Bytes;
  /** Usable cores: affinity, and the cgroup's quota if that is smaller. */
  cores: number;
  /** RAM for the system and for waiting agents. */
  reserve: Bytes;
  /** floor(RAM / (jobs × rustc × tasks)): builders at once if nothing else ran on the machine. */
  maxAgents: number;
  /** Builders at once, at one job each, beside everything else in this plan. */
  maxActive: number;
  agents: { total: number; active: number };
  sccache: { max_size: Bytes; memory: Bytes; port: number; dir: string };
  bazelRemote: BazelRemotePlan;
  /** `builders.jobs` is cargo's `build.jobs`, `builders.maxTasks` is MOON_CONCURRENCY. */
  builders: Builders;
  /** RAM that nothing above takes: page cache. */
  left: Bytes;
};
