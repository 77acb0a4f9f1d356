/** Which lock counts as left over by a killed run. What follows from it is tested on the real CLI: cli.heavy.test.ts. */
import { spawnSync } from "node:child_process";
import { hostname, userInfo } from "node:os";
import { describe, expect, test } from "vitest";
import { isLeftOver } from "../../setup/pulumi/interrupted.ts";

/** The id of a process that has ended. */
const dead = (): number => spawnSync("true").pid;
const lock = { username: userInfo().username, hostname: hostname(), timestamp: "2026-01-02T03:04:05Z" };

describe("a lock is left over", () => {
  test.each([
    ["when its process is gone", { ...lock, pid: dead() }, true],
    ["when its number belongs to another program by now", { ...lock, pid: process.pid }, true],
    ["not when it is another user's", { ...lock, username: "other", pid: dead() }, false],
    ["not when it is another machine's", { ...lock, hostname: "elsewhere", pid: dead() }, false],
    ["not when it names no process", { ...lock, pid: Number.NaN }, false],
  ])("%s: %j", (_name, found, expected) => {
    expect(isLeftOver(found)).toBe(expected);
  });
});
