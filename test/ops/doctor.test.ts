import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { parseProbe } from "../../host/facts.ts";
import type { Finding } from "../../ops/doctor/cause.ts";
import { CAUSES } from "../../ops/doctor/causes.ts";
import { parseEvidence } from "../../ops/doctor/evidence.ts";
import { findingsOf, notesOf } from "../../ops/doctor/judge.ts";
import { measured } from "../../ops/doctor/measured.ts";
import { doctorReport } from "../../ops/doctor.ts";
import { withProgress } from "../../ops/frame.ts";
import { parseStackConfig } from "../../stacks/config.ts";

/** The answer of a real box. doctor.heavy.test.ts provokes the causes for real, this file tests how they are distinguished. */
const HEALTHY = readFileSync(join(import.meta.dirname, "doctor/healthy.txt"), "utf8");

const { box: host } = parseStackConfig({
  hosts: {
    box: {
      agents: { total: 4, active: 2 },
      "bazel-remote": { max_size: "2GiB" },
      sccache: { max_size: "3GiB" },
    },
  },
}).hosts;

function evidenceOf(edit: (text: string) => string, own: Record<string, string> | null = null) {
  if (host === undefined) throw new Error("no host box");
  const text = edit(HEALTHY);
  return parseEvidence(text, {
    name: "box",
    host,
    probe: parseProbe(text, { name: "box" }),
    callerEnvironment: own,
  });
}

const found = (edit: (text: string) => string, own: Record<string, string> | null = null): Finding[] =>
  findingsOf(evidenceOf(edit, own));
const ids = (findings: readonly Finding[]): string[] => findings.map(({ id }) => id);

/** Edits one section, from its head line to the next. */
const section = (head: string, edit: (text: string) => string) => (text: string) => {
  const start = text.indexOf(`@@warmbox ${head}`);
  expect(start, head).toBeGreaterThanOrEqual(0);
  const next = text.indexOf("\n@@warmbox ", start) + 1;
  return text.slice(0, start) + edit(text.slice(start, next)) + text.slice(next);
};
const all =
  (...edits: ((text: string) => string)[]) =>
  (text: string) =>
    edits.reduce((now, edit) => edit(now), text);

const silent = (name: string) =>
  section(`${name}\n`, () => `@@warmbox ${name}\n|silent no answer within 5 s\n`);
const gone = (name: string) => section(name, () => "");

describe("a healthy box", () => {
  it("yields nothing", () => {
    expect(found((text) => text)).toEqual([]);
  });

  it("of whose own shell only a note is made", () => {
    const evidence = evidenceOf((text) => text, {});
    expect(findingsOf(evidence)).toEqual([]);
    expect(notesOf(evidence)).toEqual([
      "this shell itself has no MOON_REMOTE_HOST; for moon in it: . /home/ci/.config/warmbox/env",
    ]);
  });
});

describe("causes by the text of an answer", () => {
  it("a server that runs and does not answer", () => {
    const [one, ...more] = found(silent("sccache"));
    expect([one?.id, more]).toEqual(["sccache-hung", []]);
    expect(one?.fix).toMatch(/^kill \d+$/);
    expect(ids(found(silent("bazel-remote")))).toEqual(["bazel-remote-hung"]);
  });

  it("a server that answers but keeps its figures private is a note and no cause", () => {
    const guarded = evidenceOf(
      section("bazel-remote\n", () => "@@warmbox bazel-remote\n|protected no figures\n"),
    );
    expect(findingsOf(guarded)).toEqual([]);
    expect(notesOf(guarded)).toEqual([
      "bazel-remote answers, but requires a password or certificate for its figures: hits, size and index are unknown",
    ]);
    expect(measured(guarded)).toMatchObject({ "bazel-remote": "answers" });
    expect(measured(guarded).moon).toBeUndefined();
  });

  it("an index that is still being read, by the log of a real start", () => {
    const half = section("log bazel-remote", (text) => text.replace(/^\|.*Sorting cache files[\s\S]*$/m, ""));
    const [one, ...more] = found(all(half, gone("bazel-remote\n")));
    expect([one?.id, more]).toEqual(["bazel-remote-loading", []]);
    expect(one?.evidence.join("\n")).toMatch(/Scanning cache directory/);
    expect(one?.fix).toMatch(/^while \[ -d \/proc\/\d+ \] && ! grep -q ':2382 .*; do sleep 1; done$/);
  });

  it("a user's units without linger, and with", () => {
    const unit = section("service sccache process", (text) =>
      text
        .replace("sccache process", "sccache systemd-user")
        .replace(/\|restarts/, "|UnitFileState enabled\n|restarts"),
    );
    expect(ids(found(unit))).toEqual(["no-linger"]);
    expect(found(unit)[0]?.fix).toBe("sudo loginctl enable-linger ci");
    expect(
      found(
        all(
          unit,
          section("systemd", (text) => `${text}|linger ci\n`),
        ),
      ),
    ).toEqual([]);
  });
});

describe("judging", () => {
  it("does not tell twice what a cause explains", () => {
    const drift = "|--- service sccache (applied)\n|+++ service sccache (now)\n";
    const drifted = section("ledger sccache", (text) => text + drift);
    expect(ids(found(drifted))).toEqual(["not-as-applied"]);
    expect(ids(found(all(drifted, silent("sccache"))))).toEqual(["sccache-hung"]);
  });

  it("makes one finding of what several sessions have", () => {
    const wrong = (text: string) => text.replaceAll("|MOON_CACHE=read-write", "|MOON_CACHE=read-only");
    const [one, ...more] = found(wrong, { MOON_CACHE: "read-only" });
    expect([one?.id, more]).toEqual(["moon-cache-word", []]);
    expect(one?.evidence).toEqual(
      expect.arrayContaining([
        "login shell (bash -l): MOON_CACHE=read-only",
        "this shell: MOON_CACHE=read-only",
      ]),
    );
  });
});

describe("the commands that fix", () => {
  const wrong = all(
    (text) => text.replaceAll("/home/ci", "/home/it's ci"),
    section("session login", (text) => `${text}|MOON_FORCE=1\n`),
    (text) =>
      text.replace(
        "@@warmbox port",
        "@@warmbox config /home/it's ci/.profile\n|3\t\texport MOON_FORCE=1\n@@warmbox port",
      ),
    section("dir bazel-remote", (text) => `${text}|stray it's mine\n`),
  );

  it("take any path as one word", () => {
    const fixes = found(wrong).map(({ fix }) => fix);
    expect(fixes).toEqual([
      "sed -i --follow-symlinks '/^\\s*export MOON_FORCE=1\\s*$/s/\\bMOON_FORCE=/was_&/g' '/home/it'\\''s ci/.profile' && unset MOON_FORCE",
      "mv -b '/home/it'\\''s ci/.cache/bazel-remote/it'\\''s mine' ~/",
    ]);
    for (const fix of fixes) expect(spawnSync("sh", ["-n", "-c", fix]).status, fix).toBe(0);
  });

  it("go through ssh to a host that is another machine, and name the stack that was asked for", () => {
    if (host === undefined) throw new Error("no host box");
    const far = {
      ...host,
      reach: { kind: "ssh", host: "far", user: "ci", sudo: false, multiplex: true } as const,
    };
    const text = section("service sccache", (one) => one.replace("|state S", "|state T"))(HEALTHY);
    const probe = parseProbe(text, { name: "box" });
    const evidence = parseEvidence(text, {
      name: "box",
      host: far,
      probe,
      callerEnvironment: null,
      stack: "fleet",
    });
    expect(findingsOf(evidence)[0]?.fix).toMatch(/^ssh ci@far -- 'kill -CONT \d+'$/);
    expect(findingsOf({ ...evidence, status: { ...evidence.status, installed: false } })[0]?.fix).toBe(
      "./warmbox up --stack fleet",
    );
  });
});

describe("the measured values", () => {
  it("are reported beside the symptom", () => {
    const text = HEALTHY.replace(/(method="get",status="hit"\} )0\n/, "$16\n");
    expect(measured(evidenceOf(() => text))).toMatchObject({
      sccache: "0.0 % of 4 hit since the start",
      moon: "75.0 % of 8 hit since the start",
      "bazel-remote": "answers",
      grows: "sccache 1.2 MiB of 3 GiB, bazel-remote 28 KiB of 2 GiB, 71.1 GiB free on /",
    });
    expect(measured(evidenceOf(silent("bazel-remote"))).moon).toBe("bazel-remote does not answer");
  });
});

describe("waiting for hosts", () => {
  it("is shown after two seconds, and not before", async () => {
    vi.useFakeTimers();
    const lines: string[] = [];
    const hosts = ["box", "far"].map((name) => ({ name, host: host as never }));
    const work = new Promise((done) => setTimeout(() => done("both"), 3000));
    const answer = withProgress(hosts, { write: (text) => lines.push(text) }, work);
    await vi.advanceTimersByTimeAsync(1999);
    expect(lines).toEqual([]);
    await vi.advanceTimersByTimeAsync(2000);
    expect([await answer, lines]).toEqual(["both", ["waiting for box, far: 2 s\n"]]);
    vi.useRealTimers();
  });
});

describe("the troubleshooting page", () => {
  const root = join(import.meta.dirname, "../..");
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  const idsIn = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, id]) => id ?? "");
  const ids = CAUSES.map(({ id }) => id);

  it("is about causes of different names", () => {
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("has the number of causes", () => {
    expect(read("docs/troubleshooting.md")).toContain(`knows ${ids.length} causes`);
  });

  it("is right that the tests cause every one on the real programs", () => {
    const tests = read("test/ops/doctor.heavy.test.ts") + read("test/fleet/system.heavy.test.ts");
    const caused = idsIn(tests, /"([a-z0-9]+(?:-[a-z0-9]+)+)"/g).concat("incremental");
    expect(ids.filter((id) => !caused.includes(id))).toEqual([]);
    expect(read("docs/troubleshooting.md")).toContain("The tests cause each of them on the real programs");
  });
});

describe("what may be a secret", () => {
  const ask = (line: string, input = "") =>
    spawnSync("sh", ["-c", `. ./host/scripts/doctor.sh; print_section() { :; }; ${line}`], {
      cwd: join(import.meta.dirname, "../.."),
      input,
      encoding: "utf8",
    }).stdout;

  it("stays on the host: of a session's variables", () => {
    const output = ask(
      "do_variables",
      "CARGO_REGISTRY_TOKEN=abc\nSCCACHE_REDIS_PASSWORD=abc\nMOON_CACHE=read\nHOME=/x\n",
    );
    expect(output).toBe(
      "|CARGO_REGISTRY_TOKEN=(hidden)\n|SCCACHE_REDIS_PASSWORD=(hidden)\n|MOON_CACHE=read\n",
    );
  });

  it("what warmbox wrote itself is not looked at", () => {
    const block = "# >>> warmbox moon\nMOON_CACHE=off\n# <<< warmbox moon\nexport MOON_CACHE=read\n";
    expect(ask("do_shell_file /dev/stdin", block)).toBe("|4\t\texport MOON_CACHE=read\n");
    expect(ask("do_shell_file /etc/environment.d/60-warmbox.conf")).toBe("");
  });

  it("and of the files that set them", () => {
    expect(ask("do_shell_file /dev/stdin", "export CARGO_REGISTRY_TOKEN=abc\nexport MOON_CACHE=read\n")).toBe(
      "|1\t\texport CARGO_REGISTRY_TOKEN=(hidden)\n|2\t\texport MOON_CACHE=read\n",
    );
  });
});

describe("the report", () => {
  it("has each symptom once, then cause, evidence and command", () => {
    const findings = found(silent("sccache"), { SCCACHE_CACHE_SIZE: "30GiB" });
    expect(
      doctorReport([
        {
          name: "box",
          host: host as never,
          value: { findings, notes: ["a note"], measured: { sccache: "does not answer" } },
        },
      ]),
    ).toMatchSnapshot();
  });

  it("shows a host that does not answer, and the others", () => {
    const text = doctorReport([
      { name: "far", host: host as never, error: "cannot be asked: ssh: no route to host" },
      { name: "box", host: host as never, value: { findings: [], notes: [], measured: {} } },
    ]);
    expect(text).toBe("far: cannot be asked: ssh: no route to host\n\nbox: nothing found\n");
  });
});
