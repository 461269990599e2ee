import ArgumentParser
import Foundation
import Glibc
import KMSAccess
import KMSCrypto
import KMSEngine
import KMSModel
import Logging

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serve the keys in a data directory.")

    @OptionGroup var data: DataOptions
    @OptionGroup var server: ServerOptions
    @OptionGroup var transport: TransportOptions
    @OptionGroup var seal: SealOptions

    @Option(help: "When started as root: the user to go on as, NAME or NAME:GROUP.")
    var user: String?

    @Option(
        help: """
            What to do without a data directory: "create" one (default), or "refuse", for a service whose output is \
            kept in a log, where its first access key must not be.
            """)
    var newDataDir: String?

    mutating func run() async throws {
        let settings = try Settings(config: data.config)
        let logger = try settings.logger(server)
        let offered = try settings.keyStoreProxies(server, logger: logger)
        let (configuration, secrets) = (
            try settings.engine(server, quotas: .aws, offering: offered), try SealSecrets(seal, settings)
        )
        try ProcessHardening.apply()
        let metrics = Metrics()
        let liveness = Liveness(ServiceManager(environment: ProcessInfo.processInfo.environment))
        let transport = try settings.transport(
            server.listen, transport, reach: .anywhere, offering: offered, metrics: metrics, logger: logger)
        let path = settings.value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
        let place = try settings.storePlace(data, path: path)
        let newDataDirectory = settings.value("new-data-dir", flag: newDataDir)
        if case .own = place { try Self.check(newDataDirectory, path: path, SealedDirectory.hasStore(path)) }
        let sealed = try await SealedDirectory(path, place, mayCreate: true)
        // A node that joins others makes no account.
        if case .shared = place { try Self.check(newDataDirectory, path: path, sealed.hasStore) }
        if case .shares(let scheme)? = try sealed.document()?.parameters, !secrets.hasShares {
            let waiting = SealedService(
                sealed: sealed, scheme: scheme, transport: transport, metrics: metrics, liveness: liveness,
                logger: logger
            ) { opened in
                try await DataDirectory(
                    sealed, opened, configuration: configuration, metrics: metrics, logger: logger)
            }
            guard let unsealed = try await waiting.run() else { return }
            return try await serve(unsealed.directory, on: unsealed.transport, liveness, settings, logger)
        }
        let opened = try await sealed.open(with: secrets, logger: logger)
        let directory = try await DataDirectory(
            sealed, opened, configuration: configuration, metrics: metrics, logger: logger)
        try await serve(directory, on: transport, liveness, settings, logger)
    }

    private func serve(
        _ directory: DataDirectory, on transport: Transport, _ liveness: Liveness, _ settings: Settings,
        _ logger: Logger
    ) async throws {
        if geteuid() == 0 { logger.notice("Running as root: --user names a user to go on as") }
        // Before an account is made whose access key nobody would see.
        try await transport.tryAddresses()
        let credential =
            try await directory.mayMakeFirstAccount()
            ? try await FirstAccount.make(on: directory, in: settings.firstRegion(flag: server.regions)) : nil
        if credential != nil { await directory.didMakeFirstAccount() }
        let service = RunningService(data: directory, transport: transport, liveness: liveness, logger: logger) { url in
            if let credential {
                do throws(CommandFailure) {
                    try credential.show(endpoint: url, path: directory.path)
                } catch {
                    logger.error("The first access key is lost", metadata: ["reason": "\(error.message)"])
                }
                if directory.seal.kind == .file { announce(NewSeal.file.advice(for: directory.path)) }
            }
            announce("listening on \(url)")
        }
        do {
            try await service.runUntilSignal()
        } catch {
            // The next start shows none: the account is there.
            if let credential { logger.notice("\(credential.adviceIfNotShown)") }
            throw error
        }
    }
}

extension Serve {
    private static func check(_ newDataDirectory: String?, path: String, _ hasStore: Bool) throws {
        switch newDataDirectory {
        case nil, "create": return
        case "refuse":
            guard !hasStore else { return }
            throw CommandFailure.configuration(
                "\(path) is not a data directory yet: `chatelaine init` makes it and shows its first access key")
        case let other?:
            throw CommandFailure.configuration(
                "\"\(other)\" is not a way to treat a new data directory: create or refuse")
        }
    }
}

extension Serve: ServingCommand {
    func prepareProcess() throws {
        let owner = try Settings(config: data.config).value("user", flag: user)
        try ServingProcess.prepare(owner: owner.map(ProcessOwner.init))
    }
}

struct Initialize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a data directory with a root key and a first account."
    )

    @OptionGroup var data: DataOptions

    @Option(help: "How the root key is kept: file, passphrase, pkcs11 or shares (default: file).")
    var seal: String?

    @OptionGroup var new: NewSealOptions
    @OptionGroup var secrets: SealOptions

    mutating func run() async throws {
        let settings = try Settings(config: data.config)
        let kind = settings.value("seal", flag: seal)
        let new = try NewSeal(kind ?? SealKind.file.rawValue, new, settings)
        let secrets = try SealSecrets(secrets, settings)
        try ProcessHardening.apply()
        let path = settings.value("data-dir", flag: data.dataDir) ?? DataDirectory.standard
        let logger = Logger.chatelaine(.warning)
        let sealed = try await SealedDirectory(path, try settings.storePlace(data, path: path), mayCreate: true)
        let opened = try await sealed.open(
            sealingAnew: new, isChosen: kind != nil, with: secrets, logger: logger)
        let directory = try await DataDirectory(sealed, opened, logger: logger)
        guard try await directory.mayMakeFirstAccount() else {
            await directory.close()
            if directory.membership != nil {
                throw CommandFailure.operation("the store has accounts already: `chatelaine serve` joins its nodes")
            }
            throw CommandFailure.operation("\(path) is a data directory already")
        }
        let credential = try await FirstAccount.make(on: directory, in: settings.firstRegion(flag: nil))
        try credential.show(endpoint: "http://\(ListenAddress.standard)", path: path)
        announce(new.advice(for: path))
        await directory.close()
    }
}

/// The account that a new data directory begins with.
struct FirstAccount {
    private let credential: AccountRegistry.RootCredential
    private let region: Region?

    /// Makes an account with a random number and an access key for its root user.
    static func make(on directory: DataDirectory, in region: Region?) async throws -> FirstAccount {
        let account = try randomNumber()
        // While nothing is made yet: an access key that nobody can read is of no use.
        try say("Making the first account of \(directory.path).")
        do throws(AccountRegistry.Failure) {
            let credential = try await directory.engine.accounts.makeRootCredential(
                for: account, in: region?.partition ?? .aws)
            return FirstAccount(credential: credential, region: region)
        } catch {
            throw CommandFailure.operation("cannot make the first account: \(error)")
        }
    }

    /// A number for a new account.
    static func randomNumber() throws -> AccountID {
        let digits = String(Int.random(in: 100_000_000_000...999_999_999_999))
        guard let account = AccountID(digits) else { throw CommandFailure.operation("cannot make an account") }
        return account
    }

    /// What to do when the server ended before it could show the access key.
    var adviceIfNotShown: String {
        "If the access key of account \(credential.account) was not shown, "
            + "`chatelaine account root-key --account \(credential.account)` makes another one"
    }

    /// Says once how to use the server; the secret cannot be shown again.
    ///
    /// - Throws: ``CommandFailure``, with how another access key is made.
    func show(endpoint: String, path: String) throws(CommandFailure) {
        let secret = credential.secret.withBytes { String(decoding: $0, as: UTF8.self) }
        try AccountCommand.show(
            """
            Made a new data directory, \(path), with the account \(credential.account).
            Its root user's access key is shown only now:

            export AWS_ENDPOINT_URL_KMS=\(endpoint)
            export AWS_ENDPOINT_URL_STS=\(endpoint)
            export AWS_ENDPOINT_URL_IAM=\(endpoint)
            export AWS_ENDPOINT_URL_CLOUDTRAIL=\(endpoint)
            export AWS_REGION=\(region?.description ?? "")
            export AWS_DEFAULT_REGION=\(region?.description ?? "")
            export AWS_ACCESS_KEY_ID=\(credential.accessKeyID)
            export AWS_SECRET_ACCESS_KEY=\(secret)

            In a browser: \(endpoint)/console, with the same access key.
            """, newKeyOf: credential.account)
    }
}
