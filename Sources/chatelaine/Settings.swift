import Configuration
import Foundation
import KMSAccess
import KMSEngine
import KMSModel
import Logging

/// What an option's value is taken from: the command line, then the environment, then the configuration file.
struct Settings {
    /// What the value of an option is in JSON.
    ///
    /// Text, as on the command line, serves for each.
    private enum Kind {
        case text
        case number
        case list
        case flag

        var description: String {
            switch self {
            case .text: "a text"
            case .number: "a number, or a text"
            case .list: "a list of texts, or a text"
            case .flag: "true or false"
            }
        }
    }

    /// Every option that the environment and a configuration file may have.
    private static let options: [String: Kind] = [
        "listen": .text, "data-dir": .text, "regions": .list, "log-level": .text, "account": .text,
        "partition": .text,
        "access-key-id": .text, "secret-access-key": .text, "credentials": .text, "clock": .text,
        "managed-key-rotation-days": .number, "user": .text, "new-data-dir": .text,
        // Seals.
        "seal": .text, "passphrase-file": .text, "passphrase-fd": .number, "pin-file": .text, "pin-fd": .number,
        "pkcs11-module": .text, "pkcs11-token": .text, "pkcs11-key": .text, "share-files": .list,
        "audit-file-size": .number, "audit-retention-days": .number, "audit-sync": .text,
        "quotas": .text, "quota-overrides": .text, "xks-proxy": .text, "hsm-clusters": .list, "xks-endpoints": .list,
        "xks-ca-bundle": .text,
        "tls-certificate": .text, "tls-key": .text, "tls-client-ca": .text, "tls-client-certificates": .text,
        // A store that many nodes share; its location may contain a password.
        "store": .text, "node": .text, "store-outage-seconds": .number, "cache-keys": .number,
        "without-tls": .flag, "trusted-proxies": .list, "monitor-listen": .text, "log-format": .text,
    ]
    /// The option that only says where the others are.
    private static let fileOption = "config"
    private static let environmentPrefix = "CHATELAINE_"

    private let reader: ConfigReader

    /// - Throws: ``CommandFailure`` for a file that cannot be read, for a name that means nothing, and for a value of
    ///   another type than the option's.
    init(config: String?, environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        try Self.check(environment)
        let variables = EnvironmentVariablesProvider(environmentVariables: environment)
            .prefixKeys(with: ConfigKey(["chatelaine"]))
        var providers: [any ConfigProvider] = [variables]
        if let path = config ?? environment["\(Self.environmentPrefix)CONFIG"] {
            providers.append(InMemoryProvider(values: try Self.values(inFile: path)))
        }
        reader = ConfigReader(providers: providers)
    }

    /// The value of an option, or nil when nobody gives one.
    func value(_ name: String, flag: String?) -> String? {
        flag ?? reader.string(forKey: ConfigKey([name]))
    }

    private static func check(_ environment: [String: String]) throws {
        for variable in environment.keys.sorted() where variable.hasPrefix(environmentPrefix) {
            let name = variable.dropFirst(environmentPrefix.count).lowercased().replacing("_", with: "-")
            guard options[name] != nil || name == fileOption || reserved.contains(variable) else {
                throw CommandFailure.configuration("unknown environment variable \(variable)")
            }
        }
    }

    /// Variables of this prefix that the tests and the Makefile use; they are not options.
    private static let reserved: Set<String> = [
        "CHATELAINE_BINARY", "CHATELAINE_SCREENSHOTS", "CHATELAINE_TERRAFORM_MIRROR",
    ]

    private static func values(inFile path: String) throws -> [AbsoluteConfigKey: ConfigValue] {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw CommandFailure.configuration("cannot read the configuration file \(path)")
        }
        guard case .object(let object)? = try? JSONParser.parse(bytes, refusingDuplicates: true) else {
            throw CommandFailure.configuration("the configuration file \(path) is not a JSON object")
        }
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for member in object.members {
            guard let kind = options[member.name] else {
                throw CommandFailure.configuration("unknown option \"\(member.name)\" in \(path)")
            }
            guard let text = text(of: member.value, kind) else {
                throw CommandFailure.configuration(
                    "the option \"\(member.name)\" in \(path) must be \(kind.description)")
            }
            values[AbsoluteConfigKey([member.name])] = ConfigValue(.string(text), isSecret: member.name == "store")
        }
        return values
    }

    /// The value as it would stand on the command line; nil when it is of a type that the option does not have.
    private static func text(of value: JSONValue, _ kind: Kind) -> String? {
        switch (kind, value) {
        case (_, .string(let text)), (.number, .number(let text)): return text
        case (.flag, .bool(let isSet)): return isSet ? "true" : "false"
        case (.list, .array(let elements)):
            let names = elements.compactMap { if case .string(let name) = $0 { name } else { nil } }
            return names.count == elements.count ? names.joined(separator: ",") : nil
        default: return nil
        }
    }
}

// Values with a meaning.
extension Settings {
    private func regions(flag: String?) throws -> HostedRegions {
        guard let text = value("regions", flag: flag) else { return .anyWellFormed }
        let regions = try text.split(separator: ",").map { name in
            guard let region = Region(String(name)) else {
                throw CommandFailure.configuration("\"\(name)\" is not the name of a region")
            }
            return region
        }
        guard !regions.isEmpty else { throw CommandFailure.configuration("the list of regions is empty") }
        return .only(Set(regions))
    }

    /// The region to begin in, whose partition is that of the first account: one that is served, of AWS's main partition
    /// if there is one.
    func firstRegion(flag: String?) throws -> Region? {
        let standard = Region("eu-central-1")
        guard case .only(let regions) = try regions(flag: flag) else { return standard }
        let sorted = regions.sorted()
        return sorted.first { $0 == standard } ?? sorted.first { $0.partition == .aws } ?? sorted.first
    }

    /// The tokens that custom key stores can have behind them.
    private func clusters(flag: String?) throws -> [ClusterSetting] {
        let clusters = try (value("hsm-clusters", flag: flag) ?? "").split(separator: ",").map { text in
            guard let cluster = ClusterSetting(String(text)) else {
                throw CommandFailure.configuration(
                    "\"\(text)\" is not a cluster: cluster-ID/ACCOUNT/REGION=TOKEN@MODULE, with 11 to 16 letters and digits for "
                        + "ID, the label of a token, and the absolute path of a PKCS#11 module")
            }
            return cluster
        }
        guard Set(clusters.map(\.id)).count == clusters.count,
            Set(clusters.map { "\($0.token)@\($0.module)" }).count == clusters.count
        else { throw CommandFailure.configuration("hsm-clusters names a cluster, or a token, twice") }
        return clusters
    }

    /// What the options of a serving command say about the engine.
    ///
    /// - Parameters:
    ///   - profile: The request quotas of that command where nobody gives others.
    ///   - offered: The keys that are offered to another KMS.
    func engine(
        _ options: ServerOptions, quotas profile: QuotaSettings.Profile, offering offered: KeyStoreProxyFile?
    ) throws -> EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.keyStoreProxies = offered?.proxies
        configuration.regions = try regions(flag: options.regions)
        configuration.quotas = try quotas(options, unlessSaid: profile)
        if let text = value("managed-key-rotation-days", flag: options.managedKeyRotationDays) {
            guard let days = Int(text), (1...36_500).contains(days) else {
                throw CommandFailure.configuration("\"\(text)\" is not a number of days between rotations")
            }
            configuration.managedKeyRotationPeriodInDays = days
        }
        configuration.audit = try audit(options)
        try share(options, in: &configuration)
        configuration.clusters = try clusters(flag: options.hsmClusters)
        configuration.externalProxies = try externalProxies(options)
        configuration.externalProxyTransport = try externalProxyTransport(options, to: configuration.externalProxies)
        return configuration
    }

    private func quotas(
        _ options: ServerOptions, unlessSaid profile: QuotaSettings.Profile
    ) throws -> QuotaSettings {
        var settings = QuotaSettings(profile: profile)
        if let name = value("quotas", flag: options.quotas) {
            guard let named = QuotaSettings.Profile(rawValue: name) else {
                throw CommandFailure.configuration("\"\(name)\" is not a profile of quotas: aws or unlimited")
            }
            settings.profile = named
        }
        guard let path = value("quota-overrides", flag: options.quotaOverrides) else { return settings }
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw CommandFailure.configuration("cannot read the file of quotas \(path)")
        }
        do throws(QuotaOverrides.Failure) {
            settings.overrides = try QuotaOverrides(json: bytes)
        } catch {
            throw CommandFailure.configuration("\(path) \(error)")
        }
        return settings
    }

    /// The program's log, as the options of a serving command want it.
    func logger(_ options: ServerOptions) throws -> Logger {
        try logger(level: options.logLevel, format: options.logFormat)
    }

    /// The program's log, as these options want it.
    func logger(level: String?, format: String?) throws -> Logger {
        guard let text = value("log-format", flag: format) else { return .chatelaine(try logLevel(flag: level)) }
        guard let format = LogFormat(rawValue: text) else {
            throw CommandFailure.configuration("\"\(text)\" is not a format of the log: text or json")
        }
        return .chatelaine(try logLevel(flag: level), format)
    }

    private func logLevel(flag: String?) throws -> Logger.Level {
        guard let text = value("log-level", flag: flag) else { return .info }
        guard let level = Logger.Level(rawValue: text) else {
            throw CommandFailure.configuration("\"\(text)\" is not a log level")
        }
        return level
    }
}
