import { describe, expect, it } from "vitest";
import { inspectFleet, inspectOne } from "../../components/inspect.ts";
import { serviceKind } from "../../plan/service-kind.ts";
import { parseStackConfig } from "../../stacks/config.ts";

/** The local part of a host that does not answer; what the engine makes of it, test/fleet shows. */
const DEAD = { reach: { kind: "ssh", host: "warmbox-test.invalid", user: "ci" } };
const FACTS = {
  ...{ arch: "aarch64", memTotal: "8GiB", cpus: 4, user: { home: "/home/ci" } },
  disks: { sccache: { total: "90GiB", free: "80GiB" }, "bazel-remote": { total: "90GiB", free: "80GiB" } },
};
const fleetOf = (hosts: Record<string, unknown>) => inspectFleet(parseStackConfig({ hosts }), "local");

describe("a host that does not answer", () => {
  it("is set apart from those that do, with ssh's words", async () => {
    const { boxes, unreachable } = await fleetOf({ here: {}, dead: DEAD });
    expect(boxes.map(({ host }) => host.name)).toEqual(["here"]);
    expect(unreachable.map(({ box, declared }) => [box.host.name, declared])).toEqual([["dead", false]]);
    expect(unreachable[0]?.message).toMatch(/^hosts\.dead: warmbox-test\.invalid \(user ci\) .*ssh said:/);
  });

  it("is described by its declared facts, if all are declared", async () => {
    const { unreachable } = await fleetOf({ dead: { ...DEAD, facts: FACTS } });
    expect(unreachable[0]?.declared).toBe(true);
    expect(unreachable[0]?.box.arch).toBe("aarch64");
  });

  it("has every resource of any size in its placeholder, so that none is previewed as deleted", async () => {
    const { unreachable } = await fleetOf({
      here: {},
      dead: { ...DEAD, "bazel-remote": { max_size: "900GiB" } },
    });
    expect(Object.keys(unreachable[0]?.box.tools ?? {}).sort()).toEqual(["bazel-remote", "moon", "sccache"]);
  });

  it("is an error if no host answers, and for what looks at it alone", async () => {
    await expect(fleetOf({ dead: DEAD })).rejects.toThrow(/^hosts\.dead: /);
    const stack = parseStackConfig({ hosts: { here: {}, dead: DEAD } });
    const [, dead] = Object.values(stack.hosts);
    if (dead === undefined) throw new Error("no host dead");
    await expect(inspectOne(stack, "dead", dead)).rejects.toThrow(/^hosts\.dead: /);
  });
});

describe("root", () => {
  it("is for system scope only", () => {
    const raw = { hosts: { box: { reach: { ...DEAD.reach, sudo: true } } } };
    expect(() => parseStackConfig(raw)).toThrow(
      /hosts\.box\.reach\.sudo[\s\S]*next: +remove reach\.sudo, or write scope: system/,
    );
  });

  it("runs no daemon by itself: system scope is systemd's", () => {
    const systemd = { pid1: false, linger: false };
    expect(() => serviceKind("box", { service: "auto", scope: "system" }, { systemd })).toThrow(
      "hosts.box.scope: system, wanted a host whose process 1 is systemd, and service: auto, systemd or docker, for anything else would run the daemons as root; next: write scope: user",
    );
  });
});
