import ArgumentParser
import Foundation
import KMSCrypto
import KMSEngine
import KMSModel
import Logging

struct Develop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Serve for development and CI, with known credentials.",
        discussion: """
            Requests are authenticated and authorized as in production. Only the credentials are known to everybody, so \
            it listens on loopback addresses only. The data directory is temporary unless --data-dir names one.
            """
    )

    @OptionGroup var data: DataOptions
    @OptionGroup var server: ServerOptions
    @OptionGroup var transport: TransportOptions

    @Option(help: "The number of the first account (default: \(DevelopmentCredential.account)).")
    var account: String?

    @Option(help: "Where it is, such as aws-cn (default: where the regions are that are served).")
    var partition: String?

    @Option(help: "The access key of its root user (default: \(DevelopmentCredential.accessKeyID)).")
    var accessKeyId: String?

    @Option(help: "The secret of that access key (default: \(DevelopmentCredential.secret)).")
    var secretAccessKey: String?

    @Option(help: "A JSON file with more accounts, each with the access key of its root user.")
    var credentials: String?

    @Option(help: "\"controllable\" for a clock that `chatelaine clock advance` moves, or \"system\".")
    var clock: String?

    mutating func run() async throws {
        let settings = try Settings(config: data.config)
        let logger = try settings.logger(server)
        let metrics = Metrics()
        let offered = try settings.keyStoreProxies(server, logger: logger)
        let transport = try settings.transport(
            server.listen, transport, reach: .loopback(because: "everybody knows the credentials of dev"),
            offering: offered, metrics: metrics, logger: logger)
        var configuration = try settings.engine(server, quotas: .unlimited, offering: offered)
        configuration.isForThisMachineOnly = true
        configuration.isClockControllable = try Self.isControllable(settings.value("clock", flag: clock))
        let credentials = try credentials(settings)
        try ProcessHardening.apply()
        let given = settings.value("data-dir", flag: data.dataDir)
        let path = given ?? Self.temporaryPath()
        defer { if given == nil { try? FileManager.default.removeItem(atPath: path) } }
        // Development has no use for a seal that somebody must open.
        let place = try settings.storePlace(data, path: path)
        try place.checkOwn("dev has a store of its own: `chatelaine serve` is for one that many nodes share")
        let sealed = try await SealedDirectory(path, place, mayCreate: true)
        let directory = try await DataDirectory(
            sealed, try await sealed.openFile(), configuration: configuration, metrics: metrics, logger: logger)
        try await transport.tryAddresses()
        for credential in credentials { try await credential.register(in: directory) }
        let liveness = Liveness(ServiceManager(environment: ProcessInfo.processInfo.environment))
        let service = RunningService(data: directory, transport: transport, liveness: liveness, logger: logger) { url in
            announce("listening on \(url)")
        }
        try await service.runUntilSignal()
    }

    private func credentials(_ settings: Settings) throws -> [DevelopmentCredential] {
        let first = try DevelopmentCredential(
            account: settings.value("account", flag: account) ?? DevelopmentCredential.account,
            partition: settings.value("partition", flag: partition)
                ?? settings.firstRegion(flag: server.regions)?.partition.rawValue,
            accessKeyID: settings.value("access-key-id", flag: accessKeyId) ?? DevelopmentCredential.accessKeyID,
            secret: settings.value("secret-access-key", flag: secretAccessKey) ?? DevelopmentCredential.secret
        )
        guard let path = settings.value("credentials", flag: credentials) else { return [first] }
        return [first] + (try DevelopmentCredential.read(from: path))
    }

    private static func isControllable(_ clock: String?) throws -> Bool {
        switch clock {
        case nil, "system": return false
        case "controllable": return true
        case let other?: throw CommandFailure.configuration("\"\(other)\" is not a clock: system or controllable")
        }
    }

    private static func temporaryPath() -> String {
        FileManager.default.temporaryDirectory
            .appendingPathComponent("chatelaine-\(UUID().uuidString.lowercased())").path
    }
}

extension Develop: ServingCommand {
    func prepareProcess() throws { try ServingProcess.prepare(owner: nil) }
}

/// An access key that everybody may know.
struct DevelopmentCredential {
    static let account = "000000000000"
    // The example credentials of AWS's own documentation.
    static let accessKeyID = "AKIAIOSFODNN7EXAMPLE"
    static let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

    private let credential: AccountRegistry.RootCredential

    /// - Parameter partition: `aws` if nil.
    /// - Throws: ``CommandFailure`` for what cannot be an account or an access key.
    init(account: String, partition: String?, accessKeyID: String, secret: String) throws {
        guard let account = AccountID(account) else {
            throw CommandFailure.configuration("\"\(account)\" is not an account: twelve digits")
        }
        guard let partition = Partition(rawValue: partition ?? Partition.aws.rawValue) else {
            throw CommandFailure.configuration("\"\(partition ?? "")\" is not a partition of AWS")
        }
        let isID =
            (16...128).contains(accessKeyID.utf8.count)
            && accessKeyID.utf8.allSatisfy {
                Character(Unicode.Scalar($0)).isLetter || Character(Unicode.Scalar($0)).isNumber
            }
        guard isID else {
            throw CommandFailure.configuration("\"\(accessKeyID)\" is not an access key: 16 to 128 letters and digits")
        }
        guard !secret.isEmpty, secret.utf8.count <= 128 else {
            throw CommandFailure.configuration("the secret of \(accessKeyID) must have 1 to 128 characters")
        }
        credential = .init(
            account: account, partition: partition, accessKeyID: accessKeyID, secret: SecretBytes(copying: secret.utf8))
    }

    /// Reads `{"accounts": [{"account": …, "accessKeyId": …, "secretAccessKey": …}]}`, and `partition` if it is there.
    static func read(from path: String) throws -> [DevelopmentCredential] {
        struct File: Decodable {
            struct Entry: Decodable {
                let account: String
                let accessKeyId: String
                let secretAccessKey: String
                let partition: String?
            }
            let accounts: [Entry]
        }
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw CommandFailure.configuration("cannot read the credentials file \(path)")
        }
        guard let file = try? JSONDecoder().decode(File.self, from: bytes) else {
            throw CommandFailure.configuration(
                "\(path) is not of the form "
                    + #"{"accounts": [{"account": "…", "accessKeyId": "…", "secretAccessKey": "…"}]}"#
            )
        }
        return try file.accounts.map {
            try DevelopmentCredential(
                account: $0.account, partition: $0.partition, accessKeyID: $0.accessKeyId, secret: $0.secretAccessKey)
        }
    }

    func register(in directory: DataDirectory) async throws {
        do throws(AccountRegistry.Failure) {
            try await directory.engine.accounts.register(credential)
        } catch {
            throw CommandFailure.operation("cannot register the access key \(credential.accessKeyID): \(error)")
        }
    }
}
