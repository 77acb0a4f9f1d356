import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Bytes,
  bazelRemoteGiB,
  bytes,
  dockerMegabytes,
  formatBytes,
  gib,
  goMemLimit,
  kib,
  mib,
  parseBytes,
  sccacheSize,
  systemdBytes,
} from "../../stacks/bytes.ts";

const anyBytes = fc.maxSafeNat().map((n) => n as Bytes);

describe("parseBytes", () => {
  test.each([
    ["126GiB", 126 * 1024 ** 3],
    ["512MiB", 512 * 1024 ** 2],
    ["1.5GiB", 1.5 * 1024 ** 3],
    ["14KiB", 14 * 1024],
    ["2TiB", 2 * 1024 ** 4],
    [" 30 GiB ", 30 * 1024 ** 3],
    ["4096", 4096],
    [4096, 4096],
    ["0.3KiB", 307],
  ])("%j is %i bytes", (text, expected) => {
    expect(parseBytes(text)).toBe(expected);
  });

  test.each([
    ["30GB", '"30GB": unknown unit GB: sizes are 1024-based, write 30GiB'],
    ["30G", '"30G": unknown unit G: sizes are 1024-based, write 30GiB'],
    ["30gib", '"30gib": unknown unit gib: sizes are 1024-based, write 30GiB'],
    ["30PiB", '"30PiB": unknown unit PiB: sizes are 1024-based, write KiB, MiB, GiB or TiB'],
    [
      "1.5",
      '"1.5" is not a size: write a number and KiB, MiB, GiB or TiB, for example 30GiB, or whole bytes',
    ],
    ["", '"" is not a size: write a number and KiB, MiB, GiB or TiB, for example 30GiB, or whole bytes'],
    [-1, "-1 is not a size: write a number and KiB, MiB, GiB or TiB, for example 30GiB, or whole bytes"],
    [
      "all",
      '"all" is not a size: write a number and KiB, MiB, GiB or TiB, for example 30GiB, or whole bytes',
    ],
    [
      "99999TiB",
      `${99999 * 1024 ** 4}: not a whole number of bytes between 0 and ${Number.MAX_SAFE_INTEGER}`,
    ],
  ])("%j is refused with the right word", (text, message) => {
    expect(() => parseBytes(text)).toThrow(new Error(message));
  });

  test("reads back every exact size it can be given", () => {
    fc.assert(
      fc.property(fc.nat(8000), (n) => parseBytes(`${n}GiB`) === gib(n) && parseBytes(`${n}MiB`) === mib(n)),
    );
    fc.assert(fc.property(anyBytes, (b) => parseBytes(String(b)) === b));
  });
});

describe("formatBytes", () => {
  test.each([
    [gib(31.5), "31.5GiB"],
    [gib(1024), "1TiB"],
    [mib(999), "999MiB"],
    [bytes(1023), "1023"],
    [kib(1.5), "1.5KiB"],
    [bytes(2 * 1024 ** 3 - 1), "1.99GiB"],
  ])("%i is %s", (b, expected) => {
    expect(formatBytes(b)).toBe(expected);
  });

  test("never prints more than there is, and loses less than one percent", () => {
    fc.assert(
      fc.property(anyBytes, (b) => {
        const back = parseBytes(formatBytes(b));
        return back <= b && back >= b * 0.99 - 1;
      }),
    );
  });
});

describe("writers", () => {
  test("sccache gets integer bytes", () => {
    expect(sccacheSize(gib(30))).toBe("32212254720");
  });

  test("bazel-remote gets whole GiB, and an inexact one names its rounding", () => {
    expect([
      bazelRemoteGiB(gib(1.5), "floor"),
      bazelRemoteGiB(gib(1.5), "ceil"),
      bazelRemoteGiB(gib(7), "exact"),
    ]).toEqual([1, 2, 7]);
    expect(() => bazelRemoteGiB(gib(1.5), "exact")).toThrow(
      new Error("1610612736 bytes is not a whole number of GiB: round it, or write a multiple of 1GiB"),
    );
  });

  test("systemd gets the largest exact suffix", () => {
    expect([gib(8), mib(1500), kib(3), bytes(1025), bytes(0), gib(2048)].map(systemdBytes)).toEqual([
      "8G",
      "1500M",
      "3K",
      "1025",
      "0",
      "2T",
    ]);
  });

  test("Go and docker get MiB", () => {
    expect(goMemLimit(bytes(gib(25) + 5))).toBe("25600MiB");
    expect(dockerMegabytes(bytes(mib(64) + 1), "ceil")).toBe(65);
  });

  test("systemd's spelling means the same number of bytes", () => {
    const factor: Record<string, number> = { K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };
    fc.assert(
      fc.property(fc.oneof(anyBytes, fc.nat(4096).map(gib), fc.nat(9999).map(mib)), (b) => {
        const text = systemdBytes(b);
        return Number.parseInt(text, 10) * (factor[text.slice(-1)] ?? 1) === b;
      }),
    );
  });

  test("rounding brackets the exact value", () => {
    fc.assert(
      fc.property(anyBytes, (b) => {
        const [down, up] = [bazelRemoteGiB(b, "floor"), bazelRemoteGiB(b, "ceil")];
        return down * 1024 ** 3 <= b && b <= up * 1024 ** 3 && up - down <= 1;
      }),
    );
  });
});
