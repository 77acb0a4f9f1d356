import { describe, expect, it } from "vitest";
import { ConfigError } from "../../stacks/config.ts";
import { exitCodeOf, isUserError, UserError } from "../../stacks/errors.ts";
import { userError } from "../../tools/base.mjs";

describe("errors that the user can fix", () => {
  const unreachable = new UserError("unreachable", "forge-1 does not answer");

  it("carry a code beside the message for people", () => {
    expect(unreachable).toMatchObject({ code: "unreachable", message: "forge-1 does not answer" });
    expect(new ConfigError([])).toMatchObject({ code: "config", name: "UserError" });
  });

  it("are recognised by family and by code, and bugs are not", () => {
    expect(isUserError(unreachable)).toBe(true);
    expect(isUserError(unreachable, "unreachable")).toBe(true);
    expect(isUserError(unreachable, "usage")).toBe(false);
    expect(isUserError(new TypeError("x is undefined"))).toBe(false);
    expect(isUserError("text")).toBe(false);
  });

  it("include those of the program that runs before any TypeScript can be loaded", () => {
    expect(isUserError(userError("missing", "npm is not on PATH"), "missing")).toBe(true);
  });

  it("end a process with 2 where the command line is wrong, else with 1", () => {
    expect(exitCodeOf(new UserError("usage", "--ram: no such flag"))).toBe(2);
    expect(exitCodeOf(unreachable)).toBe(1);
    expect(exitCodeOf(new TypeError("x is undefined"))).toBe(1);
  });
});
