import { networkInterfaces } from "node:os";

/** Whether this machine has ::1: a container may be without, and then what needs it is left out, said aloud. */
export const HAS_IPV6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);
if (!HAS_IPV6) console.warn("SKIPPED: what listens on IPv6: this machine has no ::1");
