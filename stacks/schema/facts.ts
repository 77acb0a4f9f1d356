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
  mount: doc(text("a mount point").exactOptional(), { description: "Mount point." }),
  device: doc(text("a device").exactOptional(), {
    description: "Device; caches on the same one share its space.",
  }),
  fs: doc(text("a file system type").exactOptional(), { description: "File system type." }),
  total: doc(size(ZERO).exactOptional(), { description: "Size of the volume.", unit: "size" }),
  free: doc(size(ZERO).exactOptional(), { description: "Free for this user.", unit: "size" }),
  held: doc(size(ZERO).exactOptional(), { description: "What that cache holds there now.", unit: "size" }),
});

/** Cores may be a fraction under a cgroup's quota. */
const cores = z.number({ error: "a number of cores above 0\nwrite a number such as 4 or 1.5" }).positive({
  error: "a number of cores above 0\nwrite a number such as 4 or 1.5",
});

/** Facts that are declared instead of probed. */
export const factsSchema = object({
  arch: doc(oneOf(["x86_64", "aarch64"], { amd64: "write x86_64", arm64: "write aarch64" }).exactOptional(), {
    description: "Processor architecture.",
  }),
  libc: doc(oneOf(["glibc", "musl", "unknown"]).exactOptional(), { description: "C library." }),
  user: doc(
    object({
      name: doc(text("a user name").exactOptional(), { description: "User that the builds run as." }),
      uid: doc(integer("a user id", 0, 4294967294).exactOptional(), { description: "Its id." }),
      gid: doc(integer("a group id", 0, 4294967294).exactOptional(), { description: "Its group's id." }),
      home: doc(
        text("an absolute path")
          .regex(/^\//, { error: "an absolute path\nwrite the home directory in full" })
          .exactOptional(),
        {
          description: "Its home directory.",
        },
      ),
    }).exactOptional(),
    { description: "The host's user." },
  ),
  memTotal: doc(size({ min: MIN_RAM }).exactOptional(), { description: "RAM.", unit: "size" }),
  memLimit: doc(size({ min: MIN_RAM }).exactOptional(), {
    description: "The cgroup's memory limit, where there is one.",
    unit: "size",
  }),
  cpus: doc(integer("cores", 1, MAX_CPUS).exactOptional(), {
    description: "Cores that may be used.",
    unit: "cores",
  }),
  cpuQuota: doc(cores.exactOptional(), {
    description: "The cgroup's CPU quota, where there is one.",
    unit: "cores",
  }),
  openFiles: doc(integer("open files", 256, 1_073_741_824).exactOptional(), {
    description: "Hard limit of open files.",
    unit: "files",
  }),
  docker: doc(text("a version").exactOptional(), { description: "Version of the Docker server there." }),
  disks: doc(
    object({
      sccache: doc(disk.exactOptional(), { description: "The volume of that cache." }),
      "bazel-remote": doc(disk.exactOptional(), { description: "The volume of that cache." }),
    }).exactOptional(),
    { description: "The volumes of the caches." },
  ),
  systemd: doc(
    object({
      pid1: doc(boolean().exactOptional(), { description: "systemd runs as process 1." }),
      linger: doc(boolean().exactOptional(), { description: "The user's units outlive the session." }),
    }).exactOptional(),
    { description: "What systemd there is." },
  ),
  cargoHome: doc(directory().exactOptional(), { description: "CARGO_HOME of the user." }),
});

/** @see factsSchema */
export type DeclaredFacts = z.output<typeof factsSchema>;
