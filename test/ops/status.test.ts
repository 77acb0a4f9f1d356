import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { deltaOf, snapshotOf } from "../../ops/status/delta.ts";
import { type HostStatus, parseStatus } from "../../ops/status/parse.ts";
import { prometheusText } from "../../ops/status/prometheus.ts";
import { type Reported, statusReport } from "../../ops/status/report.ts";

const ANSWER = readFileSync(join(import.meta.dirname, "status/process.txt"), "utf8");
const AGENTS = { agents: { total: 40, active: 10 } };

const parsed = (edit: (text: string) => string = (text) => text): HostStatus =>
  parseStatus(edit(ANSWER), AGENTS);
const reported = (status: HostStatus): Reported => ({
  name: "box",
  where: "this machine",
  status,
  delta: null,
});

describe("parseStatus", () => {
  it("reads a host without systemd", () => {
    const status = parsed();
    expect(status).toMatchObject({
      installed: true,
      sccache: {
        hits: 842,
        misses: 158,
        sizeBytes: 1288490188,
        maxSizeBytes: 3 * 2 ** 30,
        notCached: { "crate-type": 31 },
      },
      "bazel-remote": { files: 14000, actions: { hits: 970, misses: 30 }, evictedBytes: 2 ** 20 },
      agents: { total: 40, active: 10, jobs: 1, tasks: 1, queue: [] },
      drift: {},
    });
    expect(status["bazel-remote"]).toMatchObject({
      index: { liveBytes: 14000 * 345, budgetBytes: 175 * 2 ** 20 },
    });
    expect(status.services.sccache).toMatchObject({
      ...{
        kind: "process",
        state: "running",
        runningSeconds: 7300,
        restarts: 2,
        survivesReboot: false,
        memoryBytes: 8272 * 1024,
      },
    });
  });

  it("tells a suspended daemon, one that keeps ending, and one that nobody watches", () => {
    const stateOf = (edit: (text: string) => string) => parsed(edit).services.sccache?.state;
    const tail = (text: string) => text.slice(text.indexOf("@@warmbox service sccache"));
    const inTail = (from: RegExp, to: string) => (text: string) =>
      text.replace(tail(text), tail(text).replace(from, to));
    expect(stateOf(inTail(/\|state S/, "|state T"))).toBe("suspended");
    expect(stateOf(inTail(/\|pid .*\n/, ""))).toBe("failing");
    expect(stateOf(inTail(/\|supervisor .*\n/, ""))).toBe("running unsupervised");
    expect(stateOf(inTail(/\|(pid|supervisor) .*\n\|(pid|supervisor) .*\n/, ""))).toBe("stopped");
  });

  it("says of a port that does not answer that it is silent, and of one that is closed nothing", () => {
    expect(parsed((text) => text.replace(/\|json \{"stats.*/, "|silent no answer")).sccache).toBe(
      "no answer",
    );
    expect(parsed((text) => text.replace(/@@warmbox sccache\n.*\n/, "")).sccache).toBeNull();
  });

  it("tells a bazel-remote that has figures for nobody from one that is silent", () => {
    const answering = (line: string) =>
      parsed((text) => text.replace(/(@@warmbox bazel-remote\n)[^@]*/, `$1${line}`));
    expect(answering("|silent no answer\n")["bazel-remote"]).toBe("no answer");
    const guarded = answering("|protected no figures\n");
    expect(guarded["bazel-remote"]).toBe("authentication required");
    expect(statusReport([reported(guarded)])).toMatch(
      /bazel-remote .*unknown \(1\) +unknown \(1\) +unknown \(1\)[\s\S]* \(1\) +bazel-remote requires a password/,
    );
    expect(prometheusText([reported(guarded)])).not.toContain("warmbox_bazel_remote");
  });

  it("knows systemd's services: enabled ones come back after a reboot, a user's only with linger", () => {
    const unit =
      "@@warmbox service sccache systemd-user\n|pid 9\n|state S\n|age 5\n|restarts 3\n|UnitFileState enabled\n";
    const at = (extra: string) =>
      parsed((text) =>
        text
          .replace("@@warmbox systemd\n", `@@warmbox systemd\n${extra}`)
          .replace("@@warmbox end", `${unit}@@warmbox end`),
      );
    expect(at("").services.sccache).toMatchObject({ state: "running", survivesReboot: false, restarts: 3 });
    expect(at("|linger ci\n").services.sccache?.survivesReboot).toBe(true);
  });

  it("reads the queue of warmbox-run", () => {
    const said =
      "@@warmbox agents\n|12\tbuilds\tcargo build\n|13\twaits, place 1\tmoon run :test\n|2 of at most 1 at once\n";
    const status = parsed((text) => text.replace("@@warmbox end", `${said}@@warmbox end`));
    expect(status.agents.queue).toEqual([
      { pid: 12, state: "builds", command: "cargo build" },
      { pid: 13, state: "waits, place 1", command: "moon run :test" },
    ]);
    expect(statusReport([reported(status)])).toContain("waits, place 1: moon run :test (process 13)");
    expect(prometheusText([reported(status)])).toContain('warmbox_builds_waiting{host="box"} 1\n');
  });

  it("refuses a truncated response", () => {
    expect(() => parsed((text) => text.slice(0, 500))).toThrow(
      "its response was truncated after 500 characters",
    );
  });
});

describe("deltaOf", () => {
  const before = snapshotOf(parsed());
  it("counts from the last look, and from nought where another process counts now", () => {
    const later = {
      ...before,
      epochSeconds: before.epochSeconds + 120,
      sccache: { hits: 850, misses: 160, server: before.sccache?.server ?? null },
    };
    expect(deltaOf(later, before)).toMatchObject({ seconds: 120, sccache: { hits: 8, misses: 2 } });
    const other = { ...later, sccache: { hits: 900, misses: 200, server: 1 } };
    expect(deltaOf(other, before).sccache).toEqual({ hits: 900, misses: 200 });
  });
});

describe("statusReport", () => {
  it("is aligned and complete", () => {
    expect(
      statusReport([
        reported(parsed()),
        { name: "far", where: "ci@far", error: "cannot be asked: ssh: no route" },
      ]),
    ).toMatchSnapshot();
  });

  it("says where the hit rate of bazel-remote would come from", () => {
    const text = statusReport([reported(parsed((t) => t.replace(/\|metric .*\n/g, "")))]);
    expect(text).toContain("unknown (1)");
    expect(text).toContain("enable_endpoint_metrics: true");
  });

  it("shows the limit of the control group that the plan reckons with", () => {
    const group =
      "@@warmbox cgroup\n|/sys/fs/cgroup/box/memory.max 4294967296\n|/sys/fs/cgroup/memory.high max\n";
    const used = "@@warmbox cgroup-used\n|/sys/fs/cgroup/box 1073741824\n";
    const status = parsed((t) => t.replace("@@warmbox end", `${group}${used}@@warmbox end`));
    expect(status.memory).toMatchObject({ limitBytes: 4 * 2 ** 30, limitUsedBytes: 2 ** 30 });
    expect(statusReport([reported(status)])).toContain("1 GiB used of 4 GiB that the control group allows");
    expect(statusReport([reported(parsed())])).not.toContain("control group");
  });

  it("shows drift as the difference", () => {
    const drift = "@@warmbox ledger cargo owner=local generation=1\n|--- a\n|+++ b\n";
    const text = statusReport([reported(parsed((t) => t.replace(/@@warmbox ledger cargo.*\n/, drift)))]);
    expect(text).toContain("cargo differs from what was applied; next: ./warmbox up\n    --- a\n    +++ b\n");
    expect(text).toMatch(/cargo .*NOT as applied/);
  });
});

describe("prometheusText", () => {
  const text = prometheusText([reported(parsed()), { name: 'fa"r', where: "", error: "down" }]);

  it("has a help and a type line before the samples of each metric, once", () => {
    const seen = new Set<string>();
    let current = "";
    for (const line of text.trimEnd().split("\n")) {
      const head = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
      if (head?.[1] === "HELP") {
        current = head[2] ?? "";
        expect(seen.has(current), current).toBe(false);
        seen.add(current);
      } else if (head?.[1] === "TYPE") {
        expect(head[2]).toBe(current);
        expect(head[3]).toBe(current.endsWith("_total") ? "counter" : "gauge");
      } else {
        expect(line).toMatch(/^[a-z_]+\{([a-z_]+="(?:[^"\\]|\\.)*",?)*\} -?[\d.e+]+$/);
        expect(line.startsWith(`${current}{`)).toBe(true);
      }
    }
    expect(seen.size).toBeGreaterThan(25);
  });

  it("says which host is down, with its name escaped", () => {
    expect(text).toContain('warmbox_up{host="box"} 1\nwarmbox_up{host="fa\\"r"} 0\n');
    expect(text).toContain('warmbox_sccache_hits_total{host="box"} 842\n');
    expect(text).toContain('warmbox_bazel_remote_evicted_bytes_total{host="box"} 1048576\n');
  });
});
