import type { Disk, HostFacts } from "../../host/types.ts";
import { type Bytes, bytes, gib } from "../../stacks/bytes.ts";
import { parseStackConfig } from "../../stacks/config.ts";
import type { HostConfig } from "../../stacks/types.ts";

/** An empty volume, or one with `over`. */
export function disk(path: string, total: Bytes, over: Partial<Disk> = {}): Disk {
  const empty = {
    mount: "/",
    device: "/dev/vda1",
    fs: "ext4",
    held: bytes(0),
    applied: null,
  };
  return { path, ...empty, total, free: total, ...over };
}

/** A plain machine with an empty volume of `diskTotal`, all caches on it. */
export function machine(
  memTotal: Bytes,
  cpus: number,
  diskTotal: Bytes,
  over: Partial<HostFacts> = {},
): HostFacts {
  return {
    arch: "x86_64",
    libc: "glibc",
    user: { name: "ci", uid: 1000, gid: 1000, home: "/home/ci" },
    memTotal,
    memLimit: null,
    cpus,
    cpuQuota: null,
    openFiles: null,
    disks: {
      sccache: disk("/home/ci/.cache/sccache", diskTotal),
      "bazel-remote": disk("/home/ci/.cache/bazel-remote", diskTotal),
    },
    systemd: { pid1: true, linger: true },
    docker: null,
    tools: {
      sccache: null,
      "bazel-remote": null,
      moon: null,
      cargo: null,
    },
    cargoHome: "/home/ci/.cargo",
    cargoConfig: { path: "/home/ci/.cargo/config.toml", includes: false, conflicts: [] },
    ports: [],
    ...over,
  };
}

/** What a stack file says of one host, every default filled in. */
export function hostOf(declared: Record<string, unknown> = {}): HostConfig {
  const host = parseStackConfig({ hosts: { box: declared } }).hosts.box;
  if (host === undefined) throw new Error("the stack has no host box");
  return host;
}

export const tib = (n: number): Bytes => gib(n * 1024);
