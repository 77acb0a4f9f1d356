/**
 * Fallback for the released language plugin `nodejs`, for machines that cannot download it.
 * The engine starts it as `pulumi-language-nodejs ENGINE_ADDRESS` and reads its port from the first line.
 */
import { enableCompileCache } from "node:module";

// Before anything else is loaded: compiled code from the last start halves the start-up time.
enableCompileCache();
await import("./language/serve.ts");
