import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { declaredProbe, parseProbe } from "../../host/facts.ts";
import { explain } from "../../plan/explain/explain.ts";
import { planHost, planOf } from "../../plan/sizing.ts";
import { sizingOf } from "../../plan/sizing-context.ts";
import { gib } from "../../stacks/bytes.ts";
import { hostOf } from "../plan/machine.ts";

/** One folder per machine: what its probe printed, and what that means. A new machine is a new folder. */
const FOLDER = new URL("facts/", import.meta.url);
const MACHINES = readdirSync(FOLDER);
const read = (machine: string, file: string) => readFileSync(new URL(`${machine}/${file}`, FOLDER), "utf8");

describe.each(MACHINES)("%s", (machine) => {
  test("is what its facts.json says", async () => {
    const probe = parseProbe(read(machine, "probe.txt"), { name: "box" });
    await expect(`${JSON.stringify(probe, null, 2)}\n`).toMatchFileSnapshot(`./facts/${machine}/facts.json`);
  });

  test("can be planned, and says where it comes from", () => {
    const { facts } = parseProbe(read(machine, "probe.txt"), { name: "box" });
    const sizing = sizingOf(facts, hostOf(), "box");
    expect(explain(planOf(sizing), sizing).length).toBeGreaterThan(20);
    expect(read(machine, "README.md")).toMatch(/^(Recorded with|Composed by hand)/);
  });
});

const BIG = read("debian-126gib-32-cores", "probe.txt");

describe("declared facts", () => {
  test("win over what the host says, down to single keys", () => {
    const facts = {
      memTotal: gib(64),
      cpus: 8,
      disks: { sccache: { free: gib(100) } },
      user: { home: "/srv/ci" },
    };
    const declared = parseProbe(BIG, { name: "box", facts }).facts;
    const probed = parseProbe(BIG, { name: "box" }).facts;
    expect(declared).toEqual({
      ...probed,
      memTotal: gib(64),
      cpus: 8,
      user: { ...probed.user, home: "/srv/ci" },
      disks: { ...probed.disks, sccache: { ...probed.disks.sccache, free: gib(100) } },
    });
  });

  test("are enough for a plan without the host", () => {
    const volume = { total: gib(500), free: gib(400) };
    const facts = {
      arch: "aarch64" as const,
      memTotal: gib(64),
      cpus: 16,
      user: { home: "/home/ci" },
      disks: { sccache: volume, "bazel-remote": volume },
    };
    const probe = declaredProbe({ name: "box", facts, dirs: { "bazel-remote": "/data/remote" } });
    expect(probe.observed).toEqual({ library: null, ledgers: {} });
    expect(probe.facts.disks["bazel-remote"].path).toBe("/data/remote");
    expect(planHost(probe.facts, hostOf(), "box").sccache.dir).toBe("/home/ci/.cache/sccache");
  });
});

/** Matches an error of any class by its whole message. */
const exactly = (message: string) => expect.objectContaining({ message });

describe("a missing fact", () => {
  const without = (pattern: RegExp) => BIG.replace(pattern, "");

  test.each([
    ["memTotal", /^\|MemTotal.*\n/m, "the host's RAM", "16GiB"],
    ["cpus", /^\|Cpus_allowed_list.*\n/m, "the number of processors that may be used", "8"],
    ["arch", / x86_64$/m, "the processor architecture, x86_64 or aarch64", "x86_64"],
    ["user.home", /^\|home \/home\/ci\n/m, "the home directory of the host's user", "/home/ci"],
  ])("%s is named with the key that declares it", (key, pattern, expected, example) => {
    const parse = () => parseProbe(without(pattern), { name: "box" });
    expect(parse).toThrow(
      exactly(`1 problem in the stack's configuration; nothing was changed.
  warmbox:hosts.box.facts.${key}
    got:      nothing: the host did not report it
    expected: ${expected}
    next:     declare it: pulumi config set --path 'warmbox:hosts.box.facts.${key}' ${example}`),
    );
  });

  test("all of them are named at once", () => {
    const keys = () => {
      try {
        declaredProbe({ name: "box" });
      } catch (error) {
        return [...(error as Error).message.matchAll(/warmbox:hosts\.box\.facts\.(\S+)\n/g)].map((m) => m[1]);
      }
      return [];
    };
    expect(keys().sort()).toEqual(
      [
        "arch",
        "cpus",
        "disks.bazel-remote.free",
        "disks.bazel-remote.total",
        "disks.sccache.free",
        "disks.sccache.total",
        "memTotal",
        "user.home",
      ].sort(),
    );
  });

  test("another architecture is one too", () => {
    expect(() => parseProbe(BIG.replace(/x86_64$/m, "riscv64"), { name: "box" })).toThrow(/facts\.arch/);
  });
});

test("a truncated response is not mistaken for a machine without facts", () => {
  expect(() => parseProbe(BIG.slice(0, 300), { name: "box" })).toThrow(
    /^hosts\.box: the host's response was truncated after 300 characters, at ".*"; next: run it again/,
  );
});

test("ledgers that could not be compared are an error, not an empty ledger", () => {
  const failed = BIG.replace("@@warmbox end", "@@warmbox failed 73\n@@warmbox end");
  expect(() => parseProbe(failed, { name: "box" })).toThrow(
    "hosts.box: the files that warmbox applied could not be compared with the files on the host (status 73)",
  );
});
