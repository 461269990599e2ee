import ArgumentParser

/// Where the secrets of a seal come from, for every command that opens a data directory.
struct SealOptions: ParsableArguments {
    @Option(help: "A file with the passphrase of the seal (default: the systemd credential, or a prompt).")
    var passphraseFile: String?

    @Option(help: "The number of an open file descriptor to read the passphrase from.")
    var passphraseFd: String?

    @Option(help: "The PKCS#11 module of the token that keeps the seal: an absolute path.")
    var pkcs11Module: String?

    @Option(help: "A file with the PIN of the token (default: the systemd credential, or a prompt).")
    var pinFile: String?

    @Option(help: "The number of an open file descriptor to read the PIN from.")
    var pinFd: String?

    @Option(help: "Files with key shares, separated by commas (default: a prompt; `serve` waits for `unseal`).")
    var shareFiles: String?
}

/// How a new seal is made.
struct NewSealOptions: ParsableArguments {
    @Option(help: "The label of the token that is to keep the seal.")
    var pkcs11Token: String?

    @Option(help: "The label of the key in the token: AES with 256 bits, or a pair of RSA keys.")
    var pkcs11Key: String?

    @Flag(help: "Make that key, of AES, in the token.")
    var pkcs11MakeKey = false

    @Option(help: "How many key shares to make.")
    var shares: Int?

    @Option(help: "How many of the key shares are needed.")
    var threshold: Int?

    @Option(help: "A new directory in which each key share gets a file (default: they are printed).")
    var sharesDirectory: String?
}
