import { describe, expect, it } from "vitest";
import { type CommandDefinition, helpText, readFlags } from "../../stacks/command.ts";

const LOOK = {
  name: "look",
  summary: "Looks at hosts.",
  flags: {
    host: { type: "string", value: "NAME", summary: "only this host" },
    watch: { type: "string", value: "SECONDS", implied: "5", summary: "look again and again" },
    json: { type: "boolean", summary: "the same as data" },
  },
  examples: [["./warmbox look", "every host"]],
  details: "The exit code is 1 if a host does not answer.",
} as const satisfies CommandDefinition;

describe("the help of a command", () => {
  it("has its summary, examples, flags and details", () => {
    expect(helpText(LOOK)).toBe(`./warmbox look: Looks at hosts.

  ./warmbox look  every host

      --host NAME        only this host
      --watch [SECONDS]  look again and again
      --json             the same as data
  -h, --help             this text

The exit code is 1 if a host does not answer.
`);
  });
});

describe("the flags of a command", () => {
  it("are read with their values", () => {
    expect({ ...readFlags(LOOK, ["--host", "box", "--json"]) }).toEqual({ host: "box", json: true });
    expect({ ...readFlags(LOOK, ["--help"]) }).toEqual({ help: true });
  });

  it.each([
    [["--watch"], { watch: "5" }],
    [["--watch", "--json"], { watch: "5", json: true }],
    [["--watch", "9"], { watch: "9" }],
    [["--watch=9"], { watch: "9" }],
  ])("%j: a value may be left out where one is implied", (args, values) => {
    expect({ ...readFlags(LOOK, args) }).toEqual(values);
  });

  it.each([
    [["--hots", "box"], "Unknown option '--hots'", "write --host; "],
    [["box"], "Unexpected argument 'box'"],
    [["--host"], "Option '--host <value>' argument missing"],
  ])("%j is refused with the command that lists them", (args, message, nearest = "") => {
    expect(() => readFlags(LOOK, args)).toThrow(
      expect.objectContaining({
        code: "usage",
        message: `${message}; next: ${nearest}\`./warmbox look --help\` lists the flags`,
      }),
    );
  });
});
