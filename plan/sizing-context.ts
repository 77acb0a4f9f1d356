import type { HostFacts } from "../host/types.ts";
import type { Bytes } from "../stacks/bytes.ts";
import type { HostConfig } from "../stacks/types.ts";
import { sizeByMemory } from "./bazel-remote.ts";
import { MEAN_BLOB } from "./constants.ts";
import { type DiskRooms, diskRooms } from "./disk.ts";
import { type Machine, type MemoryShares, machineOf, memoryShares } from "./memory.ts";

/** One host with the shares of RAM and disk that its plan, its issues and its explanations start from. */
export type Sizing = {
  /** The host's key in the stack, for messages. */
  readonly name: string;
  readonly facts: HostFacts;
  readonly host: HostConfig;
  readonly machine: Machine;
  readonly shares: MemoryShares;
  readonly rooms: DiskRooms;
  /** Mean size of a blob in bazel-remote: the stack's, else {@link MEAN_BLOB}. */
  readonly meanBlob: Bytes;
  /** The largest bazel-remote whose index fits into its share of RAM. */
  readonly indexed: Bytes;
};

/** Divides RAM and disk of one host. */
export function sizingOf(facts: HostFacts, host: HostConfig, name: string): Sizing {
  const machine = machineOf(facts);
  const shares = memoryShares(machine.memory, host);
  const meanBlob = host["bazel-remote"].mean_blob_size ?? MEAN_BLOB.value;
  return {
    name,
    facts,
    host,
    machine,
    shares,
    rooms: diskRooms(facts.disks, host),
    meanBlob,
    indexed: sizeByMemory(shares.bazelRemote, meanBlob),
  };
}
