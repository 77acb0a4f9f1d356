import type { HostFacts } from "../host/types.ts";
import { type Bytes, bytes } from "../stacks/bytes.ts";
import type { HostConfig } from "../stacks/types.ts";
import {
  AGENT_RAM,
  BAZEL_REMOTE_SHARE,
  SCCACHE_LEAST,
  SCCACHE_MOST,
  SCCACHE_SHARE,
  SYSTEM_LEAST,
  SYSTEM_MOST,
  SYSTEM_SHARE,
} from "./constants.ts";

/** RAM and cores that a plan divides. */
export type Machine = { memory: Bytes; cores: number };

/** RAM of each consumer except the builders. */
export type MemoryShares = {
  system: Bytes;
  agents: Bytes;
  bazelRemote: Bytes;
  sccache: Bytes;
  /** The rest, for rustc; negative if the other shares do not fit. */
  room: number;
};

/** The machine's RAM and usable cores, or its cgroup's limits if those are lower. */
export function machineOf(facts: Pick<HostFacts, "memTotal" | "memLimit" | "cpus" | "cpuQuota">): Machine {
  const memory = bytes(Math.min(facts.memTotal, facts.memLimit ?? facts.memTotal));
  return { memory, cores: Math.max(1, Math.floor(Math.min(facts.cpus, facts.cpuQuota ?? facts.cpus))) };
}

/** Every share grows with RAM, but their sum grows more slowly than RAM, so `room` also grows. */
export function memoryShares(
  memory: Bytes,
  host: Pick<HostConfig, "agents" | "sccache" | "bazel-remote">,
): MemoryShares {
  const system = between(memory * SYSTEM_SHARE.value, SYSTEM_LEAST.value, SYSTEM_MOST.value);
  const agents = bytes(host.agents.total * AGENT_RAM.value);
  const bazelRemote = host["bazel-remote"].enabled
    ? bytes(Math.floor(memory * BAZEL_REMOTE_SHARE.value))
    : bytes(0);
  const sccache = host.sccache.enabled
    ? between(memory * SCCACHE_SHARE.value, SCCACHE_LEAST.value, SCCACHE_MOST.value)
    : bytes(0);
  return { system, agents, bazelRemote, sccache, room: memory - system - agents - bazelRemote - sccache };
}

const between = (n: number, low: Bytes, high: Bytes): Bytes =>
  bytes(Math.floor(Math.min(Math.max(n, low), high)));
