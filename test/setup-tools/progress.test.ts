import { describe, expect, it } from "vitest";
import { cargoCounter } from "../../tools/build-cargo.ts";
import { progressLine, startProgress } from "../../tools/progress.ts";

function recorder(isTTY: boolean) {
  const written: string[] = [];
  return { written, isTTY, columns: 60, write: (text: string) => written.push(text) };
}

describe("progress", () => {
  it("counts what is known", () => {
    expect(progressLine("go", { current: 3, total: 12, unit: "packages" }, 7, false)).toBe(
      "go: 3/12 packages, 7 s",
    );
    expect(progressLine("go", { current: 3, total: 0, unit: "modules" }, 7, false)).toBe(
      "go: 3 modules, 7 s",
    );
    expect(progressLine("go", { current: 0, total: 0, unit: "" }, 7, false)).toBe("go: 7 s");
    expect(progressLine("go", { current: 6, total: 12, unit: "packages" }, 7, true)).toBe(
      "go: [============            ] 6/12 packages, 7 s",
    );
  });

  it("in a log: nothing for a short step, then a line every ten seconds", () => {
    const stream = recorder(false);
    let time = 0;
    const progress = startProgress("build", stream, { clock: () => time });
    for (const [at, done] of [
      [1_000, 1],
      [3_000, 2],
      [5_000, 3],
      [14_000, 4],
    ] as const) {
      time = at;
      progress.count(done, 9, "crates");
    }
    progress.end("built in 15 s");
    expect(stream.written).toEqual([
      "build: 2/9 crates, 3 s\n",
      "build: 4/9 crates, 14 s\n",
      "build: built in 15 s\n",
    ]);
  });

  it("on a terminal: one line, rewritten, no wider than the window", () => {
    const stream = recorder(true);
    let time = 0;
    const progress = startProgress("a label that is long enough to be cut", stream, { clock: () => time });
    time = 3_000;
    progress.count(1, 2, "packages");
    progress.end("done");
    expect(stream.written).toHaveLength(2);
    expect(stream.written[0]?.startsWith("\r\x1b[K")).toBe(true);
    expect(stream.written[0]).toHaveLength("\r\x1b[K".length + 59);
    expect(stream.written[1]).toBe("\r\x1b[Ka label that is long enough to be cut: done\n");
  });
});

describe("a step that only waits", () => {
  it("shows what it does now, keeps its lines, and leaves nothing at its end", () => {
    let time = 0;
    for (const [terminal, written] of [
      [false, ["box: 1 of 2\n", "box: fetching, 13 s\n"]],
      [true, ["\r\x1b[Kbox: 1 of 2\n", "\r\x1b[Kbox: fetching, 13 s", "\r\x1b[K"]],
    ] as const) {
      time = 0;
      const stream = recorder(terminal);
      const progress = startProgress("box", stream, { clock: () => time });
      progress.detail("starting");
      progress.line("1 of 2");
      time = 13_000;
      progress.detail("fetching");
      progress.end();
      expect(stream.written).toEqual(written);
    }
  });
});

describe("cargo's own counter", () => {
  it("is read from the lines it redraws", () => {
    const counts: unknown[] = [];
    const read = cargoCounter({ count: (...count) => counts.push(count) });
    for (const line of [
      "    Updating crates.io index",
      "       Fetch [========>                        ] 78 complete; 1 pending",
      " Downloading 323 crates",
      " Downloading 26 crates, remaining bytes: 5.6MiB",
      "   Compiling unicode-ident v1.0.24",
      "    Building [===>                      ] 72/399: displaydoc, syn",
    ]) {
      read(line);
    }
    expect(counts).toEqual([
      [0, 323, "crates fetched"],
      [297, 323, "crates fetched"],
      [72, 399, "crates built"],
    ]);
  });
});
