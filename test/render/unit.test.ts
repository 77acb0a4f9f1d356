import { describe, expect, test } from "vitest";
import {
  environmentLines,
  execLine,
  unitText,
  unitWord,
  unsetEnvironment,
} from "../../render/systemd/unit.ts";

describe("unitText", () => {
  test("sections, repeated keys, left-out keys, one newline at the end", () => {
    const sections = {
      Unit: { After: undefined, Description: "a b" },
      Service: { Environment: ["A=1", "B=2"], Nice: 5 },
    };
    expect(unitText("an example.", sections)).toBe(
      "# Written by warmbox: an example.\n\n[Unit]\nDescription=a b\n\n[Service]\nEnvironment=A=1\nEnvironment=B=2\nNice=5\n",
    );
  });

  test("a value of two lines is refused: it would be another key", () => {
    expect(() => unitText("x", { Unit: { Description: "a\nExecStart=/bin/evil" } })).toThrow(
      'Description: "a\\nExecStart=/bin/evil": a unit file\'s value is one line',
    );
  });
});

describe("words", () => {
  test.each([
    ["/usr/bin/x", "/usr/bin/x"],
    ["/home/a b/x", '"/home/a b/x"'],
    ["100%", "100%%"],
    ['say "hi"\\', '"say \\"hi\\"\\\\"'],
    ["a\nb", '"a\\nb"'],
    ["", '""'],
  ])("%j", (text, word) => expect(unitWord(text)).toBe(word));

  test("a command line expands nothing", () => {
    expect(execLine(["/bin/sh", "-c", 'echo "$0" 5%', "a;b"])).toBe('/bin/sh -c "echo \\"$$0\\" 5%%" "a;b"');
  });

  test("an assignment is one word, `$` as it is", () => {
    expect(environmentLines({ A: "x y", B: "$C" })).toEqual(['"A=x y"', '"B=$C"']);
  });
});

describe("unsetEnvironment", () => {
  test("never takes back what the unit sets", () => {
    expect(unsetEnvironment(["A", "B", "C"], { B: "1" })).toEqual(["A C"]);
  });

  test("folds", () => {
    const lines = unsetEnvironment(
      Array.from({ length: 40 }, (_, i) => `NAME_${i}`),
      {},
    );
    expect(lines.length).toBeGreaterThan(1);
    expect(Math.max(...lines.map((line) => `UnsetEnvironment=${line}`.length))).toBeLessThanOrEqual(110);
    expect(lines.join(" ").split(" ")).toHaveLength(40);
  });
});
