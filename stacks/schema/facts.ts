import { z } from "zod";
import { bytes, mib } from "../bytes.ts";
import { boolean, directory, doc, integer, object, oneOf, size, text } from "./fields.ts";

const ZERO = { min: bytes(0) };

/** Less RAM than this is a typing error. */
export const MIN_RAM = mib(256);
/** More cores than this are a typing error. */
export const MAX_CPUS = 8192;

/** One mount as sizing sees it. */
const disk = object({
  mount: doc(text("a mount point").exactOptional(), { what: "Mount point." }),
  device: doc(text("a device").exactOptional(), { what: "Device; caches on the same one share its space." }),
  fs: doc(text("a file system type").exactOptional(), { what: "File system type." }),
  total: doc(size(ZERO).exactOptional(), { what: "Size of the volume.", unit: "size" }),
  free: doc(size(ZERO).exactOptional(), { what: "Free for this user.", unit: "size" }),
  held: doc(size(ZERO).exactOptional(), { what: "What that cache holds there now.", unit: "size" }),
});

/** Cores may be a fraction under a cgroup's quota. */
const cores = z.number({ error: "a number of cores above 0\nwrite a number such as 4 or 1.5" }).positive({
  error: "a number of cores above 0\nwrite a number such as 4 or 1.5",
});

/** Facts told instead of probed. */
export const factsSchema = object({
  arch: doc(oneOf(["x86_64", "aarch64"], { amd64: "write x86_64", arm64: "write aarch64" }).exactOptional(), {
    what: "Processor architecture.",
  }),
  libc: doc(oneOf(["glibc", "musl", "unknown"]).exactOptional(), { what: "C library." }),
  user: doc(
    object({
      name: doc(text("a user name").exactOptional(), { what: "User that the builds run as." }),
      uid: doc(integer("a user id", 0, 4294967294).exactOptional(), { what: "Its id." }),
      gid: doc(integer("a group id", 0, 4294967294).exactOptional(), { what: "Its group's id." }),
      home: doc(
        text("an absolute path")
          .regex(/^\//, { error: "an absolute path\nwrite the home directory in full" })
          .exactOptional(),
        {
          what: "Its home directory.",
        },
      ),
    }).exactOptional(),
    { what: "The host's user." },
  ),
  memTotal: doc(size({ min: MIN_RAM }).exactOptional(), { what: "RAM.", unit: "size" }),
  memLimit: doc(size({ min: MIN_RAM }).exactOptional(), {
    what: "The cgroup's memory limit, where there is one.",
    unit: "size",
  }),
  cpus: doc(integer("cores", 1, MAX_CPUS).exactOptional(), {
    what: "Cores that may be used.",
    unit: "cores",
  }),
  cpuQuota: doc(cores.exactOptional(), {
    what: "The cgroup's CPU quota, where there is one.",
    unit: "cores",
  }),
  openFiles: doc(integer("open files", 256, 1_073_741_824).exactOptional(), {
    what: "Hard limit of open files.",
    unit: "files",
  }),
  docker: doc(text("a version").exactOptional(), { what: "Version of the Docker server there." }),
  disks: doc(
    object({
      sccache: doc(disk.exactOptional(), { what: "The volume of that cache." }),
      "bazel-remote": doc(disk.exactOptional(), { what: "The volume of that cache." }),
    }).exactOptional(),
    { what: "The volumes of the caches." },
  ),
  systemd: doc(
    object({
      pid1: doc(boolean().exactOptional(), { what: "systemd runs as process 1." }),
      linger: doc(boolean().exactOptional(), { what: "The user's units outlive the session." }),
    }).exactOptional(),
    { what: "What systemd there is." },
  ),
  cargoHome: doc(directory().exactOptional(), { what: "CARGO_HOME of the user." }),
});

/** @see factsSchema */
export type DeclaredFacts = z.output<typeof factsSchema>;
