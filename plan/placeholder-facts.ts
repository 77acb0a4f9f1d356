import { gib } from "../stacks/bytes.ts";
import type { DeclaredFacts } from "../stacks/types.ts";

/**
 * Facts of no machine: large enough that any sizes of a stack fit. Nothing that follows from them is shown or applied;
 * they only tell which resources a host has.
 */
export const PLACEHOLDER_FACTS: DeclaredFacts = {
  arch: "x86_64",
  memTotal: gib(4096),
  cpus: 64,
  user: { name: "unknown", home: "/unknown" },
  disks: {
    sccache: { total: gib(1024 ** 2), free: gib(1024 ** 2) },
    "bazel-remote": { total: gib(1024 ** 2), free: gib(1024 ** 2) },
  },
  docker: "0",
  systemd: { pid1: true, linger: true },
};
