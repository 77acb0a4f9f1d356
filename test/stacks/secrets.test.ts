import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { hasPassword, isHiddenName, isRefusedSecret } from "../../stacks/secrets.ts";

describe("the values of names", () => {
  it.each([
    "CARGO_REGISTRY_TOKEN",
    "SCCACHE_REDIS_PASSWORD",
    "AWS_ACCESS_KEY_ID",
    "access-key",
    "key",
    "MY_KEY",
  ])("%s: hidden", (name) => expect(isHiddenName(name)).toBe(true));
  it.each(["MOON_CACHE", "SCCACHE_CONF", "keys", "CARGO_HOME"])("%s: shown", (name) =>
    expect(isHiddenName(name)).toBe(false),
  );
});

it("a setting is refused by its name or by a password in its address", () => {
  expect(isRefusedSecret(["s3", "secret_key"], "x")).toBe(true);
  expect(isRefusedSecret(["endpoint"], "https://user:word@host/")).toBe(true);
  expect(isRefusedSecret(["endpoint"], "https://host/")).toBe(false);
  expect(hasPassword("redis://user:word@host")).toBe(true);
});

it("every name whose value the host's script keeps back is hidden here, too", () => {
  const script = readFileSync(new URL("../../host/scripts/doctor.sh", import.meta.url), "utf8");
  const patterns = [...script.matchAll(/~ \/([^/]*TOKEN[^/]*)\//g)].map(([, pattern = ""]) => pattern);
  expect(patterns).toHaveLength(2);
  const words = patterns.flatMap((pattern) => pattern.split("|")).map((word) => word.replace(/[$=]$/, ""));
  expect(words.filter((word) => !isHiddenName(`CARGO${word.startsWith("_") ? "" : "_"}${word}`))).toEqual([]);
});
