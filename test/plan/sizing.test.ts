import { describe, expect, test } from "vitest";
import type { HostFacts } from "../../host/types.ts";
import type { CachePlan } from "../../plan/cache-plan.ts";
import { explain } from "../../plan/explain/explain.ts";
import type { Term } from "../../plan/explain/term.ts";
import { planHost, planOf } from "../../plan/sizing.ts";
import { sizingOf } from "../../plan/sizing-context.ts";
import { type Bytes, gib, mib } from "../../stacks/bytes.ts";
import { disk, hostOf, machine, tib } from "./machine.ts";

const BIG = machine(gib(126), 32, tib(2));

const plan = (facts: HostFacts, declared: Record<string, unknown> = {}): CachePlan =>
  planHost(facts, hostOf(declared), "box");

function termsOf(facts: HostFacts, declared: Record<string, unknown> = {}): Term[] {
  const sizing = sizingOf(facts, hostOf(declared), "box");
  return explain(planOf(sizing), sizing);
}

/** The message of a refused plan, without its first line. */
function refusal(facts: HostFacts, declared: Record<string, unknown> = {}): string {
  try {
    plan(facts, declared);
  } catch (error) {
    return (error as Error).message.split("\n").slice(1).join("\n");
  }
  throw new Error("the plan was not refused");
}

const cacheDisks = (sccache: HostFacts["disks"]["sccache"], remote: HostFacts["disks"]["sccache"]) => ({
  sccache,
  "bazel-remote": remote,
  cargo: sccache,
});

describe("agents", () => {
  test("126 GiB, 3 jobs, 2 GiB, 1 task: at most 21 build at once, if nothing else runs", () => {
    const { maxAgents, builders } = plan(BIG, { agents: { total: 40, active: 10 } });
    expect(maxAgents).toBe(21);
    expect(builders).toMatchObject({ jobs: 3, maxTasks: 1 });
  });

  test.each([
    [1, 8, 4],
    [2, 6, 2],
    [3, 5, 2],
    [4, 4, 2],
    [10, 3, 1],
    [16, 2, 1],
    [40, 1, 1],
  ])("%i active on 32 cores get %i jobs and %i tasks", (active, jobs, maxTasks) => {
    const { builders } = plan(BIG, { agents: { total: active, active } });
    expect([builders.jobs, builders.maxTasks]).toEqual([jobs, maxTasks]);
  });

  test("cores beyond the recommended pair stay free", () => {
    const { builders } = plan(machine(tib(1), 256, tib(2)), { agents: { total: 10, active: 10 } });
    expect([builders.jobs, builders.maxTasks]).toEqual([4, 1]);
  });

  test("waiting agents take RAM, and no jobs where RAM is plenty", () => {
    const few = plan(BIG, { agents: { total: 10, active: 10 } });
    const many = plan(BIG, { agents: { total: 40, active: 10 } });
    expect(many.reserve - few.reserve).toBe(30 * mib(128));
    expect(many.builders.jobs).toBe(few.builders.jobs);
  });

  test("without moon there is one cargo at a time", () => {
    expect(plan(BIG, { moon: { enabled: false } }).builders).toMatchObject({ maxTasks: 1, jobs: 12 });
  });
});

describe("the machine", () => {
  test("a cgroup's limit counts in place of RAM, its quota in place of cores", () => {
    const limited = machine(gib(126), 32, tib(2), { memLimit: gib(16), cpuQuota: 4.5 });
    expect(plan(limited)).toEqual(plan(machine(gib(16), 4, tib(2))));
    expect(termsOf(limited).slice(0, 2)).toEqual([
      { name: "memory", value: "16GiB", reason: "the cgroup's limit; the machine has 126GiB" },
      { name: "cores", value: "4", reason: "the cgroup's quota of 4.5; the machine has 32" },
    ]);
  });

  test("half a core is a core", () => {
    expect(plan(machine(gib(16), 8, tib(1), { cpuQuota: 0.5 })).cores).toBe(1);
  });

  test("a hard limit of open files bounds an ordinary user's service, not root's and not the system's", () => {
    const limited = machine(gib(16), 8, tib(1), { openFiles: 4096 });
    expect(plan(limited).bazelRemote).toMatchObject({ LimitNOFILE: 4096, max_queued_uploads: 2048 });
    const asRoot = { ...limited, user: { ...limited.user, uid: 0 } };
    expect(plan(asRoot).bazelRemote).toMatchObject({ LimitNOFILE: 40_150, max_queued_uploads: 30_000 });
    expect(plan(limited, { scope: "system" }).bazelRemote.LimitNOFILE).toBe(40_150);
  });
});

describe("disk", () => {
  const sizes = (p: CachePlan) => [p.sccache.max_size / gib(1), p.bazelRemote.max_size / gib(1)];

  test("two caches on one volume share it, and leave a part to target directories", () => {
    expect(sizes(plan(machine(gib(126), 32, gib(100))))).toEqual([30, 30]);
  });

  test("each has its volume to itself where they lie on two", () => {
    const [a, b] = [
      disk("/a", gib(100), { device: "/dev/sda1" }),
      disk("/b", gib(50), { device: "/dev/sdb1" }),
    ];
    expect(sizes(plan({ ...BIG, disks: cacheDisks(a, b) }))).toEqual([80, 40]);
  });

  test("what the caches hold counts as room", () => {
    const full = disk("/a", gib(500), { free: gib(40), held: gib(30) });
    expect(sizes(plan({ ...BIG, disks: cacheDisks(full, full) }))).toEqual([30, 30]);
  });

  test.each([
    [
      "btrfs subvolumes",
      { device: "/dev/sda2", mount: "/home" },
      { device: "/dev/sda2", mount: "/cache" },
      [30, 30],
    ],
    ["datasets of one ZFS pool", { fs: "zfs", device: "tank/a" }, { fs: "zfs", device: "tank/b" }, [30, 30]],
    ["two ZFS pools", { fs: "zfs", device: "tank/a" }, { fs: "zfs", device: "fast/b" }, [80, 80]],
    ["two tmpfs", { device: "tmpfs", mount: "/a" }, { device: "tmpfs", mount: "/b" }, [80, 80]],
    ["one overlay", { device: "overlay", mount: "/" }, { device: "overlay", mount: "/" }, [30, 30]],
  ])("%s are distinguished by what they share", (_, a, b, expected) => {
    const disks = cacheDisks(disk("/a", gib(100), a), disk("/b", gib(100), b));
    expect(sizes(plan({ ...BIG, disks }))).toEqual(expected);
  });

  test("a cache that is off takes nothing", () => {
    const only = plan(machine(gib(126), 32, gib(100)), { "bazel-remote": { enabled: false } });
    expect(sizes(only)).toEqual([80, 0]);
    expect(only.bazelRemote.memory).toBe(0);
  });

  describe("a size that was applied before", () => {
    const applied = (before: Bytes, free: Bytes) => {
      const volume = disk("/c", tib(1), { free, applied: before });
      return sizes(plan({ ...BIG, disks: cacheDisks(volume, volume) }))[0];
    };

    test.each([
      ["stays while free space comes and goes", 30, 90, 30],
      ["stays at half the fresh figure", 30, 200, 30],
      ["moves when the disk has grown beyond that", 30, 220, 66],
      ["moves when it would be more than twice the fresh figure", 70, 100, 30],
      ["moves when it fits no more", 60, 70, 21],
    ])("%s", (_, before, free, expected) => {
      expect(applied(gib(before), gib(free))).toBe(expected);
    });

    test("moves when it fits no more, though it is near", () => {
      const a = disk("/a", gib(200), { free: gib(100), device: "/dev/sda1", applied: gib(100) });
      expect(sizes(plan({ ...BIG, disks: cacheDisks(a, disk("/b", gib(100))) }))[0]).toBe(80);
    });

    test("gives way to the size that the stack sets", () => {
      const volume = disk("/c", tib(1), { applied: gib(300) });
      const set = plan({ ...BIG, disks: cacheDisks(volume, volume) }, { sccache: { max_size: "200GiB" } });
      expect(set.sccache.max_size).toBe(gib(200));
    });
  });
});

describe("bazel-remote", () => {
  test("16 GiB of RAM index 46 GiB, about what is known to work", () => {
    const { bazelRemote } = plan(machine(gib(16), 8, tib(1)));
    expect(bazelRemote.max_size).toBe(gib(46));
    expect(bazelRemote.GOMEMLIMIT).toBe(bazelRemote.memory);
  });

  test("larger blobs let the same RAM index more", () => {
    const larger = { "bazel-remote": { mean_blob_size: "140KiB" } };
    expect(plan(machine(gib(16), 8, tib(8)), larger).bazelRemote.max_size).toBe(gib(466));
  });
});

describe("small machines", () => {
  test("one rustc gets what there is, and the term says so", () => {
    const small = machine(gib(2), 2, gib(40));
    expect(plan(small).builders).toEqual({
      active: 1,
      maxTasks: 1,
      jobs: 1,
      rustc: mib(1088),
      memory: mib(1088),
    });
    expect(termsOf(small).find((t) => t.name === "rustc")?.reason).toBe(
      "one rustc or linker at work on a large crate holds about 2GiB; this machine has no room for 2GiB, large crates will swap",
    );
  });

  test("1 GiB is refused, and its next steps work", () => {
    expect(refusal(machine(gib(1), 1, gib(40)))).toBe(`  warmbox:hosts.box
    got:      1GiB of RAM, of which 320MiB would be left for rustc
    expected: at least 512MiB for one rustc beside the system and the caches
    next:     set warmbox:hosts.box.bazel-remote.enabled to false, or give the machine at least 1.25GiB`);
    const without = { "bazel-remote": { enabled: false } };
    expect(plan(machine(gib(1), 1, gib(40)), without).builders.rustc).toBe(mib(576));
    expect(plan(machine(gib(1.25), 1, gib(40))).builders.rustc).toBe(mib(512));
  });

  test("more agents than fit are refused", () => {
    expect(refusal(machine(gib(4), 2, gib(40)), { agents: { total: 100 } })).toBe(`  warmbox:hosts.box
    got:      4GiB of RAM, of which nothing would be left for rustc
    expected: at least 512MiB for one rustc beside the system and the caches
    next:     set warmbox:hosts.box.agents.total to fewer, or give the machine more RAM`);
  });
});

describe("what the stack sets is held to its bounds", () => {
  const small = machine(gib(16), 8, gib(100));
  const volume = "caches may fill 80 % of the space on /dev/vda1 (/) that is free or theirs already";

  test.each<[string, Record<string, unknown>, string]>([
    [
      "agents.active",
      { agents: { total: 12, active: 12 } },
      `  warmbox:hosts.box.agents.active
    got:      12
    expected: at most 4: 16GiB of RAM leave 8.25GiB for rustc, at 2GiB each
    next:     set it to 4 (the other agents wait their turn), or give the machine more RAM`,
    ],
    [
      "cargo.jobs",
      { cargo: { jobs: 16 } },
      `  warmbox:hosts.box.cargo.jobs
    got:      16
    expected: at most 4: 1 active × 1 task × 16 jobs × 2GiB = 32GiB, and 9.62GiB of RAM are left for rustc
    next:     set it to 4, remove it to let warmbox compute it, or lower warmbox:hosts.box.agents.active`,
    ],
    [
      "moon.concurrency",
      { moon: { concurrency: 9 } },
      `  warmbox:hosts.box.moon.concurrency
    got:      9
    expected: at most 4: 1 active × 9 tasks × 1 job × 2GiB = 18GiB, and 9.62GiB of RAM are left for rustc
    next:     set it to 4, remove it to let warmbox compute it, or lower warmbox:hosts.box.agents.active`,
    ],
    [
      "sccache.max_size",
      { sccache: { max_size: "90GiB" } },
      `  warmbox:hosts.box.sccache.max_size
    got:      90GiB
    expected: at most 79GiB: ${volume}, beside the other cache on the same volume
    next:     set it to 79GiB, or remove it to let warmbox compute it`,
    ],
    [
      "bazel-remote.max_size, by RAM",
      { "bazel-remote": { max_size: "500GiB" }, sccache: { enabled: false } },
      `  warmbox:hosts.box.bazel-remote.max_size
    got:      500GiB
    expected: at most 46GiB: its index takes 1.19KiB of RAM per blob of 14KiB, and may take 4GiB, a quarter of RAM
    next:     set it to 46GiB, or remove it to let warmbox compute it, or set warmbox:hosts.box.bazel-remote.mean_blob_size if your blobs are larger`,
    ],
    [
      "both sizes, by disk",
      { "bazel-remote": { max_size: "40GiB" }, sccache: { max_size: "70GiB" } },
      `  warmbox:hosts.box.sccache.max_size
    got:      70GiB
    expected: at most 40GiB: ${volume}, beside the other cache on the same volume
    next:     set it to 40GiB, or remove it to let warmbox compute it`,
    ],
  ])("%s", (_, declared, message) => {
    expect(refusal(small, declared)).toBe(message);
  });

  test("a full disk", () => {
    const full = disk("/home/ci/.cache", gib(500), { free: gib(2) });
    const fault = (cache: string) => `  warmbox:hosts.box.${cache}.dir
    got:      /home/ci/.cache on /dev/vda1 (/): 2GiB free of 500GiB
    expected: room for at least 1GiB per cache within 80 % of the free space
    next:     free space there, set warmbox:hosts.box.${cache}.dir to a directory on a larger volume, or set warmbox:hosts.box.${cache}.enabled to false`;
    expect(refusal({ ...small, disks: cacheDisks(full, full) })).toBe(
      `${fault("sccache")}\n${fault("bazel-remote")}`,
    );
  });
});

test("every number has a term with a reason", () => {
  const terms = termsOf(BIG, { agents: { total: 40, active: 10 } });
  expect(terms.map((t) => t.name).join(" ")).toBe(
    "memory cores reserve.system reserve.agents agents.total agents.active rustc jobs maxTasks builders maxAgents maxActive " +
      "sccache.memory sccache.max_size bazel-remote.memory bazel-remote.max_size bazel-remote.mean_blob_size " +
      "bazel-remote.entries GOMEMLIMIT GOGC MemoryHigh LimitNOFILE max_queued_uploads num_uploaders left",
  );
  expect(terms.filter((t) => t.reason.length < 5 || t.value === "")).toEqual([]);
});

describe("a reason says how its number came about", () => {
  const reason = (
    facts: Parameters<typeof plan>[0],
    name: string,
    declared: Record<string, unknown> = {},
  ) => {
    const match = termsOf(facts, declared).find((t) => t.name === name);
    return `${match?.value}: ${match?.reason}`;
  };
  const SMALL = machine(gib(1), 1, gib(20));
  const MIDDLE = machine(gib(32), 8, gib(40), { openFiles: 4096 });

  test.each([
    [
      "reserve.system",
      BIG,
      "8GiB: 1/8 of 126GiB, at most 8GiB: the system itself does not grow with RAM; what is left over is page cache anyway",
    ],
    [
      "reserve.system",
      MIDDLE,
      "4GiB: 1/8 of 32GiB: kernel, sshd, journal, shells and the page cache that every build reads through",
    ],
    [
      "sccache.memory",
      BIG,
      "1GiB: 1/64 of 126GiB, at most 1GiB: 64 entries of 16MiB at once, beside an index of some 100 bytes per entry",
    ],
    [
      "bazel-remote.memory",
      MIDDLE,
      "1.02GiB: 898780 entries × 1.19KiB, within a quarter of 32GiB: bazel-remote keeps every file in its index: 345 bytes live, 1.1 to 1.2KiB of heap in the field under moon's batch reads",
    ],
    [
      "MemoryHigh",
      MIDDLE,
      "2.53GiB: GOMEMLIMIT + 1.25GiB + 256MiB, the latter two outside the sum: 898780 × 1500 bytes are dentry and inode of each scanned file: 1.46KiB, reclaimable, but charged to the service's cgroup, and go first when builders need RAM; 256MiB are stacks of many threads, the binary itself and dirty pages of blobs being written",
    ],
    [
      "LimitNOFILE",
      MIDDLE,
      "4096: 10000 + 30000 of the upload queue + 150 × 1 moon tasks = 40150, and 4096 are the user's hard limit: bazel-remote writes up to 5000 blobs at once and reads as many; one moon process keeps up to 150 calls in flight",
    ],
    [
      "max_queued_uploads",
      MIDDLE,
      "2048: with s3 or gcs only, at most what LimitNOFILE leaves: one cold build of a large workspace (25,863 blobs measured); each waiting upload holds an open file, and the default of 1,000,000 ends in refused writes",
    ],
    [
      "num_uploaders",
      MIDDLE,
      "64: with s3 or gcs only, 8 × 8 cores: uploads wait for the network, not for the processor",
    ],
    ["num_uploaders", BIG, "100: with s3 or gcs only, 8 × 32 cores, at most 100: bazel-remote's own default"],
  ])("%s", (name, facts, text) => {
    expect(reason(facts, name)).toBe(text);
  });

  test("where a least binds", () => {
    const off = { "bazel-remote": { max_size: "1GiB" }, sccache: { enabled: false } };
    expect(reason(machine(gib(2), 1, gib(20)), "bazel-remote.memory", off)).toBe(
      "128MiB: 74899 entries × 1.19KiB, at least 128MiB: an idle bazel-remote holds 30 to 74MiB, a request up to 4MiB several times over",
    );
    expect(
      reason(SMALL, "reserve.system", { "bazel-remote": { enabled: false }, sccache: { enabled: false } }),
    ).toBe("256MiB: 1/8 of 1GiB, at least 256MiB: a Linux server that does nothing needs this much");
  });
});
