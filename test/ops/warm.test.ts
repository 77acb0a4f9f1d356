import { describe, expect, it } from "vitest";
import { Gathered, type WarmEvent, warmEvent } from "../../ops/warm/events.ts";
import { Progress, type Screen } from "../../ops/warm/progress.ts";

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
  it("reads what the script says, and leaves out what somebody else printed", () => {
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
      steps: [
        { command: "cargo fetch --locked", seconds: 3, code: 0 },
        { command: "moon run :build :test", seconds: 61, code: 101 },
      ],
    });
  });

  it("an answer without a result is a failure", () => {
    expect(new Gathered("x").warmed).toMatchObject({ result: "failed", why: "its answer broke off" });
  });
});

describe("Progress", () => {
  function shown(terminal: boolean, step: number): string {
    const parts: string[] = [];
    let time = 0;
    const screen: Screen = { terminal, columns: 40, write: (more) => parts.push(more), now: () => time };
    const gathered = new Gathered("src/app");
    const progress = new Progress("box src/app", screen);
    for (const event of events()) {
      time += step;
      gathered.take(event);
      progress.take(event, gathered);
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
    expect(shown(false, 20_000)).toContain("box src/app:   error: it broke\n");
  });

  it("rewrites one line of a terminal, never wider than it is", () => {
    const text = shown(true, 1_000);
    expect(text).toContain("\r\x1b[Kbox src/app:   Downloaded 2 crates\r\x1b[K");
    for (const line of text.split("\r\x1b[K").filter((part) => !part.endsWith("\n")))
      expect(line.length).toBeLessThan(40);
  });
});
