/** Oldest Go that builds the tools and Pulumi: what the `go` lines below tools/go and setup/pulumi/go demand. */
export const GO_VERSION = "1.25.11";
