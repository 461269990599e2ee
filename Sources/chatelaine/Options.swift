import ArgumentParser

/// The options of every command that opens a data directory.
struct DataOptions: ParsableArguments {
    @Option(help: "Where keys, the root key and the audit log are kept.")
    var dataDir: String?

    @Option(help: "A JSON file with options.")
    var config: String?

    @Option(
        help: """
            Where keys are kept instead: postgresql://HOST:PORT/DATABASE, which many nodes can share; see docs/scaling.md. \
            A password is better given as CHATELAINE_STORE, in the file of --config or in a file of libpq's.
            """)
    var store: String?

    @Option(help: "The name of this node among those that share the store (default: the name of the host).")
    var node: String?
}

/// The options of every command that serves.
struct ServerOptions: ParsableArguments {
    @Option(help: "Address and port to listen on; port 0 picks a free one.")
    var listen: String?

    @Option(help: "Regions to serve, separated by commas (default: every well-formed one).")
    var regions: String?

    @Option(help: "Days between rotations of AWS managed keys (default: 1095; AWS's own period is 365).")
    var managedKeyRotationDays: String?

    @Option(help: "How large a file of the audit log grows, such as 64MiB (default: 256MiB).")
    var auditFileSize: String?

    @Option(help: "Days that closed files of the audit log are kept, 90 at least (default: for ever).")
    var auditRetentionDays: String?

    @Option(help: "When records that no change is waiting for are on the disk: each-second (default) or every-group.")
    var auditSync: String?

    @Option(help: "Request quotas: \"aws\" (default of serve) or \"unlimited\" (default of dev).")
    var quotas: String?

    @Option(
        help:
            "Tokens that custom key stores can have behind them, as cluster-ID/ACCOUNT/REGION=TOKEN@MODULE, with commas."
    )
    var hsmClusters: String?

    @Option(
        help: """
            Where proxies of external key stores can be, as https://HOST/ACCOUNT/REGION[=ADDRESS:PORT][@SERVICE], with commas; \
            see docs/key-stores.md.
            """)
    var xksEndpoints: String?

    @Option(help: "A PEM file with the certificates that theirs may come from (default: the system's).")
    var xksCaBundle: String?

    @Option(help: "A JSON file with quotas of single accounts, or of all; see docs/quotas.md.")
    var quotaOverrides: String?

    @Option(help: "A JSON file with keys that AWS KMS may use from outside; see docs/external-key-store.md.")
    var xksProxy: String?

    @Option(help: "How long a node answers from memory when the store that it shares is away (default: 60).")
    var storeOutageSeconds: String?

    @Option(help: "How many keys a node that shares a store holds in memory at the most (default: 1000000).")
    var cacheKeys: String?

    @Option(help: "What is written to standard error: trace, debug, info, notice, warning, error or critical.")
    var logLevel: String?

    @Option(help: "How it is written: \"text\" (default), or \"json\" for one object on each line.")
    var logFormat: String?
}
