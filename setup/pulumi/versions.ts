/** The one place that pins what the engine consists of. */

/** Pulumi CLI that warmbox builds or downloads; also the oldest on PATH that is used as it is. */
export const PULUMI_VERSION = "3.259.0";
/** Resource plugin `command`; the version that @pulumi/command 1.2.1 asks the engine for. */
export const COMMAND_PLUGIN_VERSION = "1.2.1";

/** Where Pulumi's installers take the CLI and plugins from. */
export const RELEASE_HOST = "https://get.pulumi.com";
/** Where the checksums of a CLI release are published: another host than the archive's. */
export const CHECKSUM_HOST = "https://github.com";
