import { describe, expect, it } from "vitest";
import { Gathered, type WarmEvent, warmEvent } from "../../ops/warm/events.ts";
import { showEvent } from "../../ops/warm/progress.ts";
import { builderPrefix } from "../../ops/warm.ts";
import { parseStackConfig } from "../../stacks/config.ts";
import { startProgress } from "../../tools/progress.ts";

const LINES = [
  "a login banner",
  "|plan 1 cargo fetch --locked",
  "|plan 2 moon run :build :test",
  "|step 1",
  "|out     Downloaded 2 crates",
  "|ended 1 3 0",
  "|step 2",
  "|out ",
  "|out error: it broke",
  "|ended 2 61 101",
  "|result failed moon run :build :test (exit code 101): error: it broke",
];

const events = (): WarmEvent[] => LINES.map(warmEvent).filter((event) => event !== null);

describe("warmEvent", () => {
  it("reads the script's own lines, and leaves out the output of other processes", () => {
    expect(events().map(({ kind }) => kind)).toEqual([
      "plan",
      "plan",
      "step",
      "out",
      "ended",
      "step",
      "out",
      "out",
      "ended",
      "result",
    ]);
    expect(warmEvent("|result nonsense")).toBeNull();
    expect(warmEvent("|plan 2 moon run :build :test")).toEqual({
      kind: "plan",
      step: 2,
      command: "moon run :build :test",
    });
  });

  it("gathers them into what the workspace came to", () => {
    const gathered = new Gathered("src/app");
    for (const event of events()) gathered.take(event);
    expect(gathered.warmed).toEqual({
      workspace: "src/app",
      result: "failed",
      why: "moon run :build :test (exit code 101): error: it broke",
      withoutRemote: false,
      steps: [
        { command: "cargo fetch --locked", seconds: 3, code: 0 },
        { command: "moon run :build :test", seconds: 61, code: 101 },
      ],
    });
  });

  it("knows that moon went without bazel-remote", () => {
    const gathered = new Gathered("x");
    expect(gathered.warmed.withoutRemote).toBe(false);
    for (const event of ["|alone 4", "|result filled abc"].map(warmEvent)) if (event) gathered.take(event);
    expect(gathered.warmed).toMatchObject({ result: "filled", withoutRemote: true });
  });

  it("an answer without a result is a failure", () => {
    expect(new Gathered("x").warmed).toMatchObject({ result: "failed", why: "its response was truncated" });
  });
});

describe("builderPrefix", () => {
  const prefixOf = (host: object) => {
    const { box } = parseStackConfig({ hosts: { box: host } }).hosts;
    if (box === undefined) throw new Error("no host box");
    return builderPrefix(box).join(" ");
  };
  const facts = { user: { name: "builder", home: "/home/builder" } };
  const reach = { kind: "ssh", host: "far", user: "admin", sudo: true };

  it("builds as the user whom the stack names, never as root", () => {
    expect(prefixOf({ reach, scope: "system", facts })).toMatch(
      / admin@far -- sudo -n -H -u builder sh -s --$/,
    );
    expect(prefixOf({ reach: { ...reach, user: "builder" }, scope: "system", facts })).toMatch(
      / builder@far -- sh -s --$/,
    );
    expect(prefixOf({ reach, scope: "system" })).toMatch(/ admin@far -- sh -s --$/);
    expect(prefixOf({})).toBe("/bin/sh -s --");
  });
});

describe("the progress of a workspace", () => {
  it("says of a step without output that it runs", () => {
    const parts: string[] = [];
    let time = 0;
    const gathered = new Gathered("src/app");
    gathered.take({ kind: "plan", step: 1, command: "cargo build" });
    const progress = startProgress(
      "box src/app",
      { write: (text) => parts.push(text) },
      { clock: () => time },
    );
    time = 15_000;
    showEvent(progress, { kind: "beat", step: 1, seconds: 12 }, gathered);
    expect(parts.join("")).toBe("box src/app: cargo build runs for 12 s, 15 s\n");
    expect(warmEvent("|beat 1 15")).toEqual({ kind: "beat", step: 1, seconds: 15 });
  });

  function shown(isTTY: boolean, step: number): string {
    const parts: string[] = [];
    let time = 0;
    const stream = { isTTY, columns: 40, write: (more: string) => parts.push(more) };
    const gathered = new Gathered("src/app");
    const progress = startProgress("box src/app", stream, { clock: () => time });
    for (const event of events()) {
      time += step;
      gathered.take(event);
      showEvent(progress, event, gathered);
    }
    return parts.join("");
  }

  it("writes a line a step to a file, and output only now and then", () => {
    expect(shown(false, 1)).toBe(
      [
        "box src/app: 1 of 2: cargo fetch --locked",
        "box src/app: 1 of 2: done in 3 s",
        "box src/app: 2 of 2: moon run :build :test",
        "box src/app: 2 of 2: failed with exit code 101 after 61 s\n",
      ].join("\n"),
    );
    expect(shown(false, 20_000)).toContain("box src/app: error: it broke, ");
  });

  it("rewrites one line of a terminal, never wider than it is", () => {
    const text = shown(true, 1_000);
    expect(text).toContain("\r\x1b[Kbox src/app: Downloaded 2 crates, 4 s\r\x1b[K");
    for (const line of text.split("\r\x1b[K").filter((part) => !part.endsWith("\n")))
      expect(line.length).toBeLessThan(40);
  });
});
