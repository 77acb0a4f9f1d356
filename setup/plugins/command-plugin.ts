/**
 * Fallback for the released resource plugin `command` v1.2.1, for machines that cannot download it.
 * The engine starts it as `pulumi-resource-command ENGINE_ADDRESS` and reads its port from the first line.
 */
import { enableCompileCache } from "node:module";

// Before anything else is loaded: compiled code from the last start halves the start-up time.
enableCompileCache();
await import("./command/serve.ts");
