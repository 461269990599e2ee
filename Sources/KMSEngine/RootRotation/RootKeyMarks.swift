import Foundation
import KMSCrypto
import KMSModel
import KMSStore

/// What the store knows of the root key that it was made with, and of one that takes its place.
///
/// | setting | value |
/// | --- | --- |
/// | `root-key.check` | the mark of the root key |
/// | `root-key.successor`, `root-key.successor-check` | while it is being replaced: the new one, wrapped under the old one, and its mark |
/// | `root-key.predecessor` | the old one, wrapped under the new one, from the beginning until nothing needs it any more |
/// | `root-key.retirement` | when that began, or was done, and whether its tokens are still taken |
/// | `root-key.identifiers` | the key for identifiers of imported material, wrapped under the newest root key |
///
/// A setting that is empty is as good as none.
enum RootKeyMarks {
    static let check = "root-key.check"
    private static let successor = "root-key.successor"
    private static let successorCheck = "root-key.successor-check"
    private static let predecessor = "root-key.predecessor"
    private static let retirement = "root-key.retirement"
    private static let identifiers = "root-key.identifiers"

    /// How far the replacement of a root key has come.
    enum Progress: Sendable, Equatable {
        /// None is under way.
        case none
        /// The seal has the old root key, as far as is known.
        case begun(Retirement)
        /// The seal has the new one, and records may still be under the old one.
        case sealed(Retirement)
        /// All is done but for what a record that was made meanwhile, or a token, may need the old one for.
        case retired(Retirement)
    }

    /// The end of a root key: when its replacement began, or was done, and whether its tokens are still taken.
    struct Retirement: Sendable, Equatable {
        var date: Date
        let takesTokens: Bool

        init(date: Date, takesTokens: Bool) {
            self.date = date
            self.takesTokens = takesTokens
        }

        /// Milliseconds since 1970 in eight bytes, and a byte that is 1 when tokens are taken.
        fileprivate var bytes: [UInt8] {
            let milliseconds = UInt64(max(0, date.timeIntervalSince1970 * 1000))
            return withUnsafeBytes(of: milliseconds.bigEndian) { Array($0) } + [takesTokens ? 1 : 0]
        }

        fileprivate init?(_ bytes: [UInt8]) {
            guard bytes.count == 9 else { return nil }
            date = Date(timeIntervalSince1970: Double(bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }) / 1000)
            takesTokens = bytes[8] == 1
        }
    }

    // MARK: Start

    /// Finds out whether the keyring has the root key of this store, and gives it what it needs beside that.
    ///
    /// A new store is marked.
    ///
    /// - Throws: ``Engine/StartFailure``; nothing was touched then.
    static func admit(
        _ keyring: Keyring, _ contents: StoreContents, _ store: any Store
    ) async throws(Engine.StartFailure) -> Progress {
        func value(_ name: String) -> [UInt8]? { contents.settings[name].flatMap { $0.isEmpty ? nil : $0 } }
        guard let mark = value(check) else {
            guard contents.keys.isEmpty, contents.accessKeys.isEmpty else { throw .unmarkedStore }
            do throws(StoreError) {
                _ = try await store.commit(Change([.setSetting(check, keyring.makeCheck())]))
            } catch {
                throw .store(error)
            }
            return .none
        }
        do throws(CryptoFailure) {
            if keyring.matches(check: mark) { return try present(keyring, value) }
            if let next = value(successorCheck), keyring.matches(check: next), let old = value(predecessor),
                let retirement = value(retirement).flatMap(Retirement.init)
            {
                try keyring.take(predecessor: old, identifierKey: value(identifiers) ?? [])
                if !retirement.takesTokens { keyring.refusePreviousTokens() }
                return .sealed(retirement)
            }
        } catch {
            throw .crypto(error)
        }
        throw .wrongRootKey
    }

    /// How far the replacement is of the root key that the store is marked with.
    private static func present(
        _ keyring: Keyring, _ value: (String) -> [UInt8]?
    ) throws(CryptoFailure) -> Progress {
        let retirement = value(retirement).flatMap(Retirement.init)
        if let successor = value(successor), let retirement {
            try keyring.succeed(
                by: RootSuccession(
                    check: value(successorCheck) ?? [], successor: successor, predecessor: value(predecessor) ?? [],
                    identifierKey: value(identifiers) ?? []))
            if !retirement.takesTokens { keyring.refusePreviousTokens() }
            return .begun(retirement)
        }
        if let old = value(predecessor), let retirement {
            try keyring.take(predecessor: old, identifierKey: value(identifiers) ?? [])
            if !retirement.takesTokens { keyring.refusePreviousTokens() }
            return .retired(retirement)
        }
        if let key = value(identifiers) { keyring.use(identifierKey: key) }
        return .none
    }

    // MARK: Steps

    /// A new root key is there, and either opens the other.
    static func beginning(of succession: RootSuccession, _ end: Retirement) -> Change {
        Change([
            .setSetting(successor, succession.successor), .setSetting(successorCheck, succession.check),
            .setSetting(predecessor, succession.predecessor), .setSetting(identifiers, succession.identifierKey),
            .setSetting(retirement, end.bytes),
        ])
    }

    /// The new root key is the root key.
    static func end(marking mark: [UInt8], _ end: Retirement) -> Change {
        Change([
            .setSetting(check, mark), .setSetting(successor, []), .setSetting(successorCheck, []),
            .setSetting(retirement, end.bytes),
        ])
    }

    /// Nothing needs the old root key any more.
    static let farewell = Change([.setSetting(predecessor, []), .setSetting(retirement, [])])
}
