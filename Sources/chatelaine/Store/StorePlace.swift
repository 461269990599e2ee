import Foundation
import Glibc
import KMSEngine

/// Where the store of a data directory is.
enum StorePlace: Sendable {
    /// In the directory.
    case own
    /// In a database, where other nodes have it too.
    case shared(SharedPlace)

    /// - Throws: ``CommandFailure`` for a store that many nodes share, which this command has nothing to do with.
    func checkOwn(_ reason: String) throws {
        if case .shared = self { throw CommandFailure.configuration(reason) }
    }
}

extension Settings {
    /// Longer than a day nobody wants to be answered from what may be out of date.
    private static let longestOutage = 86_400
    /// More keys than any machine has the memory for.
    private static let mostKeys = 1_000_000_000
    /// The characters of a node's name beside letters and digits: names of hosts have no others.
    private static let nameCharacters = Set("-._")
    private static let longestName = 128

    /// Where the store of the data directory at `path` is.
    ///
    /// - Throws: ``CommandFailure``.
    func storePlace(_ data: DataOptions, path: String) throws -> StorePlace {
        guard let text = value("store", flag: data.store) else { return .own }
        switch try StoreLocation(text) {
        case .sqlite(let directory):
            func standard(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }
            guard standard(directory) == standard(path) else {
                throw CommandFailure.configuration(
                    "a store of SQLite is in the data directory: let --data-dir name \(directory) too, or leave --store "
                        + "out")
            }
            return .own
        case .postgresql(let location):
            return .shared(SharedPlace(location: .postgresql(location), node: try nodeName(data)))
        }
    }

    /// The name of this node.
    private func nodeName(_ data: DataOptions) throws -> String {
        let name = try value("node", flag: data.node) ?? Self.hostName()
        guard Self.isNodeName(name) else {
            throw CommandFailure.configuration(
                "\"\(name)\" is not a name of a node: letters, digits and -._ only; --node gives another one")
        }
        return name
    }

    /// Whether `name` can be a node's.
    static func isNodeName(_ name: String) -> Bool {
        (1...longestName).contains(name.utf8.count)
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || nameCharacters.contains($0)) }
    }

    private static func hostName() throws -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else {
            throw CommandFailure.configuration("the host has no name: --node gives this node one")
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// What the options of a serving command say about a store that is shared.
    func share(_ options: ServerOptions, in configuration: inout EngineConfiguration) throws {
        if let text = value("store-outage-seconds", flag: options.storeOutageSeconds) {
            guard let seconds = Int(text), (0...Self.longestOutage).contains(seconds) else {
                throw CommandFailure.configuration(
                    "\"\(text)\" is not a number of seconds, \(Self.longestOutage) at the most")
            }
            configuration.storeOutage = .seconds(seconds)
        }
        if let text = value("cache-keys", flag: options.cacheKeys) {
            guard let count = Int(text), (1...Self.mostKeys).contains(count) else {
                throw CommandFailure.configuration("\"\(text)\" is not a number of keys, 1 at least")
            }
            configuration.cachedKeys = count
        }
    }
}
