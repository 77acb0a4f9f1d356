import { describe, expect, test } from "vitest";
import { execute } from "../../ops/frame.ts";
import { main, planFlags } from "../../ops/plan.ts";
import { planReport } from "../../ops/plan-report.ts";
import { gib } from "../../stacks/bytes.ts";
import { hostOf, machine } from "./machine.ts";

/** Runs the command as a person does. */
async function run(line: string): Promise<{ out: string; err: string; code: number }> {
  const seen = { out: "", err: "" };
  const code = await execute("plan", main, line === "" ? [] : line.split(" "), {
    stdout: { write: (text) => (seen.out += text) },
    stderr: { write: (text) => (seen.err += text) },
  });
  return { ...seen, code };
}

describe("./warmbox plan --ram 126GiB --cpus 32 --agents 40 --active 10", () => {
  const LINE = "--ram 126GiB --cpus 32 --agents 40 --active 10";

  test("prints the budget, every term with its reason, and what other numbers of agents would get", async () => {
    const { out, err, code } = await run(LINE);
    expect({ err, code }).toEqual({ err: "", code: 0 });
    expect(
      out.split("\n\n").slice(0, 2).join("\n\n"),
    ).toBe(`Plan for 126GiB of RAM, 32 cores and 1TiB free on the disk: 40 agents share the box, 10 build at once.

                     RAM
  system and agents  13GiB     8GiB system + 40 agents × 128MiB
  bazel-remote       26.29GiB  index of 22993774 blobs
  sccache            1GiB      server
  builders           60GiB     10 active × 1 task × 3 jobs × 2GiB
  left               25.7GiB   page cache
  sum                126GiB`);
    expect(out).toContain(
      "  maxAgents = 21\n      floor(126GiB / (3 × 2GiB × 1)): builders if nothing else ran\n",
    );
    expect(out.slice(out.indexOf("If all agents"))).toBe(`If all agents built at once
  agents at once  jobs  tasks  rustc at once  builders' RAM  left      bazel-remote  sccache
  1               8     4      32             64GiB          26.57GiB  307GiB        307GiB
  2               6     2      24             48GiB          42.45GiB  307GiB        307GiB
  3               5     2      30             60GiB          30.32GiB  307GiB        307GiB
  10              3     1      30             60GiB          29.45GiB  307GiB        307GiB
  20              1     1      20             40GiB          48.2GiB   307GiB        307GiB
  40              1     1      40             80GiB          5.7GiB    307GiB        307GiB
`);
  });

  test("--json says the same as data", async () => {
    const { out } = await run(`${LINE} --json`);
    const { schema, stack, hosts } = JSON.parse(out);
    expect({ schema, stack, hosts: Object.keys(hosts) }).toEqual({
      schema: "warmbox.plan.v1",
      stack: null,
      hosts: ["this"],
    });
    const data = hosts.this;
    expect(data.plan).toMatchObject({
      memory: gib(126),
      maxAgents: 21,
      builders: { jobs: 3, memory: gib(60) },
    });
    expect(data.whatIf.map((w: { agents: number }) => w.agents)).toEqual([1, 2, 3, 10, 20, 40]);
  });
});

test("numbers of agents that do not fit say why", () => {
  const report = planReport(machine(gib(8), 4, gib(100)), hostOf(), "box");
  expect(report).toContain("  3               at most 2: 8GiB of RAM leave 4.5GiB for rustc, at 2GiB each\n");
});

describe("without --host and --ram it plans a host of the stack", () => {
  test("the one of Pulumi.local.yaml, with its agents", async () => {
    const { out, code } = await run("--stack local");
    expect(code).toBe(0);
    expect(out).toMatch(/^Plan for .* of RAM, \d+ cores .*: 4 agents share the box, 2 build at once\./);
  });

  test("--agents and --active win over the stack's", async () => {
    expect((await run("--stack local --agents 1")).out).toMatch(
      /: 1 agent shares the box, 1 builds at once\./,
    );
  });

  test("none of several that are all elsewhere", async () => {
    expect(await run("--stack fleet")).toEqual({
      out: "",
      err: "plan: the stack fleet has forge-1, forge-2, forge-3; next: name one of them with --host\n",
      code: 2,
    });
  });
});

test("--help", async () => {
  expect(await run("--help")).toMatchObject({
    code: 0,
    out: expect.stringContaining("./warmbox plan --ram 126GiB --cpus 32"),
  });
});

describe("flags that cannot be meant are one clear error", () => {
  test.each([
    ["--ram 30GB --cpus 4", '--ram "30GB": unknown unit GB: sizes are 1024-based, write 30GiB'],
    ["--ram 30GiB", "--ram alone does not describe a machine: add --cpus, such as 16"],
    ["--cpus 4", "--cpus alone does not describe a machine: add --ram, such as 64GiB"],
    ["--ram 4GiB --cpus 0", "--cpus 0: write a whole number from 1 to 8192, such as 10"],
    ["--ram 4GiB --cpus 1.5", "--cpus 1.5: write a whole number from 1 to 8192, such as 10"],
    ["--ram 4GiB --cpus 9000", "--cpus 9000: write a whole number from 1 to 8192, such as 10"],
    ["--agents 10001", "--agents 10001: write a whole number from 1 to 10000, such as 10"],
    ["--ram 255MiB --cpus 1", "--ram 255MiB: write 256MiB or more"],
    ["--agents 2 --active 3", "--active 3: at most --agents, which is 2: raise --agents"],
    [
      "--host a --ram 4GiB --cpus 4",
      "--host probes a machine, --ram and --cpus describe one: leave out one of the two",
    ],
    [
      "--agnets 4",
      "Unknown option '--agnets'; next: write --agents; `./warmbox plan --help` lists the flags",
    ],
    ["more", "Unexpected argument 'more'; next: `./warmbox plan --help` lists the flags"],
    ["--host missing --stack local", "--host missing: the stack local has this; next: name one of them"],
  ])("%s", async (line, message) => {
    expect(await run(line)).toEqual({ out: "", err: `plan: ${message}\n`, code: 2 });
  });

  test("a stack that is not there", async () => {
    const { err, code } = await run("--stack none");
    expect({ err, code }).toEqual({
      err: expect.stringMatching(
        /^plan: the stack none has no file .*Pulumi\.none\.yaml; next: name a stack that has one with --stack NAME: .*local.*\n$/,
      ),
      code: 2,
    });
  });

  test("a plan that does not add up is status 1", async () => {
    const { err, code } = await run("--ram 1GiB --cpus 1");
    expect({ first: err.split("\n")[0], code }).toEqual({
      first: "plan: 1 problem in the stack's configuration; nothing was changed.",
      code: 1,
    });
  });
});

test("--active alone raises the number that share the machine", () => {
  expect(planFlags({ active: "10" }).agents).toEqual({ total: null, active: 10 });
});
