import { describe, expect, it } from "vitest";
import { layoutOf, styled, table, wrapped } from "../../ops/layout.ts";

const WIDE = { columns: null, hasColour: false };

describe("the layout of a stream", () => {
  const terminal = { isTTY: true, columns: 80 };
  it.each([
    [terminal, {}, { columns: 80, hasColour: true }],
    [{ columns: 80 }, {}, { columns: null, hasColour: false }],
    [terminal, { NO_COLOR: "1" }, { columns: 80, hasColour: false }],
    [terminal, { NO_COLOR: "" }, { columns: 80, hasColour: true }],
    [terminal, { CLICOLOR: "0" }, { columns: 80, hasColour: false }],
    [terminal, { TERM: "dumb" }, { columns: 80, hasColour: false }],
    [{}, { CLICOLOR_FORCE: "1" }, { columns: null, hasColour: true }],
    [{}, { CLICOLOR_FORCE: "0" }, { columns: null, hasColour: false }],
    [terminal, { CLICOLOR_FORCE: "1", NO_COLOR: "1" }, { columns: 80, hasColour: false }],
  ])("%j with %j", (stream, env, layout) => {
    expect(layoutOf(stream, env)).toEqual(layout);
  });

  it("gives a style only where there is colour", () => {
    expect(styled(WIDE, "red", "down")).toBe("down");
    expect(styled({ ...WIDE, hasColour: true }, "red", "down")).toBe("\x1b[31mdown\x1b[39m");
  });
});

describe("a table", () => {
  it("has columns as wide as their widest cell, and no spaces at the line ends", () => {
    expect(
      table([
        ["", "SIZE", "STATE"],
        ["sccache", "1 GiB", "up"],
        ["cargo", "", ""],
      ]),
    ).toEqual(["           SIZE   STATE", "  sccache  1 GiB  up", "  cargo"]);
  });

  it("lets the last cell of a row be longer than its column", () => {
    expect(
      table([
        ["1", "a reason of a row"],
        ["2", "b", "c"],
      ]),
    ).toEqual(["  1  a reason of a row", "  2  b  c"]);
  });

  it("continues the last cell below itself where the terminal is too narrow", () => {
    const rows = [["memory", "21 GiB of 23 GiB available, no swap"]];
    expect(table(rows, { ...WIDE, columns: 34 })).toEqual([
      "  memory  21 GiB of 23 GiB",
      "          available, no swap",
    ]);
    expect(table(rows, { ...WIDE, columns: 20 })).toEqual(["  memory  21 GiB of 23 GiB available, no swap"]);
  });

  it("counts colours as no width", () => {
    const red = styled({ ...WIDE, hasColour: true }, "red", "down");
    expect(
      table([
        [red, "a"],
        ["running", "b"],
      ]),
    ).toEqual([`  ${red}     a`, "  running  b"]);
  });
});

it("wraps between words, and never within one", () => {
  expect(wrapped("a list of words", 8)).toEqual(["a list", "of words"]);
  expect(wrapped("incomprehensible words", 8)).toEqual(["incomprehensible", "words"]);
});
