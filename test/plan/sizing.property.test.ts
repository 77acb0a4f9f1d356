import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CachePlan } from "../../plan/cache-plan.ts";
import { BEYOND_HEAP, RUSTC_RAM_LEAST, SLAB_PER_FILE } from "../../plan/constants.ts";
import { planHost } from "../../plan/sizing.ts";
import { type Bytes, bytes, gib, mib } from "../../stacks/bytes.ts";
import { ConfigError } from "../../stacks/issue.ts";
import type { HostConfig } from "../../stacks/types.ts";
import { disk, hostOf, machine, tib } from "./machine.ts";

/** A machine of the stated range, with any split of agents; sizes by MiB, so that no edge is missed by round numbers. */
const ram = fc.integer({ min: 1024, max: 2 * 1024 ** 2 }).map(mib);
const cpus = fc.integer({ min: 1, max: 256 });
const diskSize = fc.integer({ min: 1, max: 64 * 1024 }).map(gib);
const agents = fc
  .tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 200 }))
  .map(([a, b]) => ({ total: Math.max(a, b), active: Math.min(a, b) }));
const box = fc.record({ ram, cpus, disk: diskSize, agents });
type Box = { ram: Bytes; cpus: number; disk: Bytes; agents: { total: number; active: number } };

/** The schema is slow, and only `agents` differs. */
const BARE = hostOf();
const withAgents = (a: Box["agents"], over: Partial<HostConfig> = {}): HostConfig => ({
  ...BARE,
  agents: a,
  ...over,
});

/** A plan, or null where the machine is refused; anything but a list of issues is a defect. */
function planned(b: Box, over: Partial<HostConfig> = {}): CachePlan | null {
  try {
    return planHost(machine(b.ram, b.cpus, b.disk), withAgents(b.agents, over), "box");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const f of error.issues) expect(Object.values(f).every((part) => part.length > 0)).toBe(true);
    return null;
  }
}

const RUNS = { numRuns: 1000 };

describe("every machine from 1 GiB to 2 TiB", () => {
  test("gets a plan whose parts add up to its RAM, or a refusal", () => {
    let plans = 0;
    fc.assert(
      fc.property(box, (b) => {
        const plan = planned(b);
        if (plan === null) return;
        plans++;
        const { active, maxTasks, jobs, rustc } = plan.builders;
        expect(plan.builders.memory).toBe(active * maxTasks * jobs * rustc);
        expect(
          plan.reserve + plan.bazelRemote.memory + plan.sccache.memory + plan.builders.memory + plan.left,
        ).toBe(b.ram);
        expect(plan.left).toBeGreaterThanOrEqual(0);
        expect(plan.bazelRemote.memory).toBeLessThanOrEqual(b.ram / 4);
        expect(rustc).toBeGreaterThanOrEqual(RUSTC_RAM_LEAST.value);
      }),
      RUNS,
    );
    expect(plans).toBeGreaterThan(RUNS.numRuns / 2);
  });

  test("keeps builders within the cores, one each at least", () => {
    fc.assert(
      fc.property(box, (b) => {
        const plan = planned(b);
        if (plan === null) return;
        expect(b.agents.active * plan.builders.jobs * plan.builders.maxTasks).toBeLessThanOrEqual(
          Math.max(b.cpus, b.agents.active),
        );
      }),
      RUNS,
    );
  });

  test("fills at most 80 % of the disk, in whole GiB, and never past the index that a quarter of RAM holds", () => {
    fc.assert(
      fc.property(box, (b) => {
        const plan = planned(b);
        if (plan === null) return;
        const { sccache, bazelRemote } = plan;
        expect(sccache.max_size + bazelRemote.max_size).toBeLessThanOrEqual(b.disk * 0.8);
        expect(bazelRemote.max_size % gib(1)).toBe(0);
        expect(bazelRemote.max_size).toBeGreaterThanOrEqual(gib(1));
        expect(Math.floor(bazelRemote.max_size / bazelRemote.mean_blob_size) * 1228).toBeLessThanOrEqual(
          b.ram / 4,
        );
      }),
      RUNS,
    );
  });

  test("gives bazel-remote settings that belong together", () => {
    fc.assert(
      fc.property(box, fc.option(fc.integer({ min: 1024, max: 1_048_576 })), (b, openFiles) => {
        const facts = machine(b.ram, b.cpus, b.disk, { openFiles });
        if (planned(b) === null) return;
        const plan = planHost(facts, withAgents(b.agents), "box");
        const { bazelRemote: r } = plan;
        expect(r.entries * 345).toBeLessThan(r.GOMEMLIMIT); // the live index: below it Go would only burn CPU
        expect(r.MemoryHigh).toBeGreaterThanOrEqual(r.GOMEMLIMIT);
        expect(r.MemoryHigh).toBeLessThanOrEqual(b.ram);
        // Beyond the sum of the budget: what the kernel takes back first, and a constant that its term tells.
        const { reserve, sccache, builders } = plan;
        const beyond = r.entries * SLAB_PER_FILE.value + BEYOND_HEAP.value;
        expect(reserve + sccache.memory + builders.memory + r.MemoryHigh - beyond).toBeLessThanOrEqual(b.ram);
        expect(r.max_queued_uploads).toBeLessThan(r.LimitNOFILE);
        if (openFiles !== null) expect(r.LimitNOFILE).toBeLessThanOrEqual(openFiles);
      }),
      RUNS,
    );
  });
});

/** Numbers that must not fall when a machine grows. */
const sizes = (p: CachePlan): number[] => [
  p.sccache.max_size,
  p.sccache.memory,
  p.bazelRemote.max_size,
  p.bazelRemote.entries,
  p.bazelRemote.memory,
  p.bazelRemote.MemoryHigh,
  p.builders.memory,
  p.builders.rustc,
  p.builders.jobs * p.builders.maxTasks,
  p.maxActive,
  p.reserve,
];

const grows = (small: CachePlan | null, large: CachePlan | null): void => {
  if (small === null) return;
  if (large === null) throw new Error("the larger machine is refused, the smaller is not");
  const [low, high] = [sizes(small), sizes(large)];
  expect(low.map((n, i) => n <= (high[i] ?? 0))).toEqual(low.map(() => true));
};

describe("monotonic", () => {
  const more = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 1024 ** 2 })).map(mib);

  test("in RAM", () => {
    fc.assert(
      fc.property(box, more, (b, extra) => grows(planned(b), planned({ ...b, ram: bytes(b.ram + extra) }))),
      RUNS,
    );
  });

  test("in disk", () => {
    fc.assert(
      fc.property(box, more, (b, extra) => grows(planned(b), planned({ ...b, disk: bytes(b.disk + extra) }))),
      RUNS,
    );
  });

  test("in disk also when a size was applied before", () => {
    const applied = fc.integer({ min: 1, max: 4096 }).map(gib);
    fc.assert(
      fc.property(box, more, applied, (b, extra, before) => {
        const at = (free: Bytes) => {
          const facts = machine(b.ram, b.cpus, b.disk);
          for (const name of ["sccache", "bazel-remote"] as const) {
            facts.disks[name] = disk(`/c/${name}`, free, { applied: before });
          }
          return attempt(() => planHost(facts, withAgents(b.agents), "box"));
        };
        const [small, large] = [at(b.disk), at(bytes(b.disk + extra))];
        if (small === null || large === null) return;
        expect(small.sccache.max_size).toBeLessThanOrEqual(large.sccache.max_size);
      }),
      RUNS,
    );
  });

  test("in cores, for what is built at once", () => {
    fc.assert(
      fc.property(box, fc.integer({ min: 1, max: 64 }), (b, extra) => {
        const [small, large] = [planned(b), planned({ ...b, cpus: b.cpus + extra })];
        if (small !== null && large !== null)
          expect(small.builders.memory).toBeLessThanOrEqual(large.builders.memory);
      }),
      RUNS,
    );
  });
});

function attempt<T>(run: () => T): T | null {
  try {
    return run();
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

describe("sizes that the stack sets", () => {
  const size = fc.integer({ min: 1, max: 8192 }).map(gib);

  test("win unchanged, or are refused", () => {
    fc.assert(
      fc.property(box, fc.option(size), fc.option(size), (b, sccache, remote) => {
        const over = {
          sccache: { ...BARE.sccache, ...(sccache !== null && { max_size: sccache }) },
          "bazel-remote": { ...BARE["bazel-remote"], ...(remote !== null && { max_size: remote }) },
        };
        const plan = planned(b, over);
        if (plan === null) return;
        if (sccache !== null) expect(plan.sccache.max_size).toBe(sccache);
        if (remote !== null) expect(plan.bazelRemote.max_size).toBe(remote);
        expect(plan.sccache.max_size + plan.bazelRemote.max_size).toBeLessThanOrEqual(b.disk * 0.8);
      }),
      RUNS,
    );
  });

  test("the bound that a refusal names is accepted", () => {
    const huge = { ...BARE["bazel-remote"], max_size: tib(100) };
    fc.assert(
      fc.property(box, (b) => {
        if (planned(b) === null) return;
        try {
          planHost(machine(b.ram, b.cpus, b.disk), withAgents(b.agents, { "bazel-remote": huge }), "box");
        } catch (error) {
          const bound = /^at most (\d+)GiB:/.exec((error as ConfigError).issues[0]?.expected ?? "");
          expect(bound).not.toBeNull();
          const given = gib(Number(bound?.[1]));
          const plan = planned(b, { "bazel-remote": { ...huge, max_size: given } });
          expect(plan?.bazelRemote.max_size).toBe(given);
        }
      }),
      { numRuns: 500 },
    );
  });
});
