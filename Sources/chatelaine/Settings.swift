import Configuration
import Foundation
import KMSAccess
import KMSEngine
import KMSModel
import Logging
import SystemPackage

/// What an option's value is taken from: the command line, then the environment, then the configuration file.
struct Settings {
    /// Every name that the environment and a configuration file may have.
    static let names: Set<String> = [
        "listen", "data-dir", "regions", "log-level", "account", "access-key-id", "secret-access-key", "credentials",
        "clock", "managed-key-rotation-days", "config",
    ]
    private static let environmentPrefix = "CHATELAINE_"

    private let reader: ConfigReader

    /// - Throws: ``CommandFailure`` for a file that cannot be read, and for a name that means nothing.
    init(config: String?, environment: [String: String] = ProcessInfo.processInfo.environment) async throws {
        try Self.check(environment)
        let variables = EnvironmentVariablesProvider(environmentVariables: environment)
            .prefixKeys(with: ConfigKey(["chatelaine"]))
        var providers: [any ConfigProvider] = [variables]
        if let path = config ?? environment["\(Self.environmentPrefix)CONFIG"] {
            try Self.check(file: path)
            do {
                providers.append(try await FileProvider<JSONSnapshot>(filePath: FilePath(path)))
            } catch {
                throw CommandFailure.configuration("cannot read the configuration file \(path)")
            }
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
            guard names.contains(name) || reserved.contains(variable) else {
                throw CommandFailure.configuration("unknown environment variable \(variable)")
            }
        }
    }

    /// Variables of this prefix that the tests and the Makefile use; they are not options.
    private static let reserved: Set<String> = ["CHATELAINE_BINARY", "CHATELAINE_TERRAFORM_MIRROR"]

    private static func check(file path: String) throws {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw CommandFailure.configuration("cannot read the configuration file \(path)")
        }
        guard case .object(let object)? = try? JSONParser.parse(bytes, refusingDuplicates: true) else {
            throw CommandFailure.configuration("the configuration file \(path) is not a JSON object")
        }
        for member in object.members where !names.contains(member.name) {
            throw CommandFailure.configuration("unknown option \"\(member.name)\" in \(path)")
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

    /// What the options of a serving command say about the engine.
    func engine(_ options: ServerOptions) throws -> EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.regions = try regions(flag: options.regions)
        if let text = value("managed-key-rotation-days", flag: options.managedKeyRotationDays) {
            guard let days = Int(text), (1...36_500).contains(days) else {
                throw CommandFailure.configuration("\"\(text)\" is not a number of days between rotations")
            }
            configuration.managedKeyRotationPeriodInDays = days
        }
        return configuration
    }

    func logLevel(flag: String?) throws -> Logger.Level {
        guard let text = value("log-level", flag: flag) else { return .info }
        guard let level = Logger.Level(rawValue: text) else {
            throw CommandFailure.configuration("\"\(text)\" is not a log level")
        }
        return level
    }
}
