package import KMSCrypto
import KMSModel
import KMSStore

/// What the store knows of the root key that it was made with, and of one that takes its place.
///
/// | setting | value |
/// | --- | --- |
/// | `root-key.check` | the mark of the root key; while there is a predecessor, it names the record of that |
/// | `root-key.successor`, `root-key.successor-check` | while it is being replaced: the new one, wrapped under the old one, and its mark |
/// | `root-key.predecessor` | the old one and its end, wrapped under the new one, from the beginning until nothing needs it any more |
/// | `root-key.identifiers` | the key for identifiers of imported material, wrapped under the newest root key |
///
/// A setting that is empty is as good as none.
enum RootKeyMarks {
    static let check = "root-key.check"
    private static let successor = "root-key.successor"
    private static let successorCheck = "root-key.successor-check"
    private static let predecessor = "root-key.predecessor"
    static let identifiers = "root-key.identifiers"

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

    typealias Retirement = RootRetirement

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
            let mark = keyring.makeCheck()
            let isFirst = contents.settings[check] == nil
            do throws(StoreError) {
                try await store.commit(Change([isFirst ? .insertSetting(check, mark) : .setSetting(check, mark)]))
            } catch {
                guard error.isConflict else { throw .store(error) }
                // Another node that starts at the same time was first: what it marked the store with holds for this one.
                var present = contents
                present.settings = try await store.currentSettings()
                return try await admit(keyring, present, store)
            }
            return .none
        }
        do throws(CryptoFailure) {
            if keyring.matches(check: mark) { return try present(keyring, mark, value) }
            if let next = value(successorCheck), keyring.matches(check: next), let old = value(predecessor) {
                let key = value(identifiers) ?? []
                return .sealed(try keyring.take(predecessor: old, check: next, identifierKey: key))
            }
        } catch {
            throw .crypto(error)
        }
        throw .wrongRootKey
    }

    /// How far the replacement is of the root key that the store is marked with.
    private static func present(
        _ keyring: Keyring, _ mark: [UInt8], _ value: (String) -> [UInt8]?
    ) throws(CryptoFailure) -> Progress {
        if let successor = value(successor) {
            let succession = RootSuccession(
                check: value(successorCheck) ?? [], successor: successor, predecessor: value(predecessor) ?? [],
                identifierKey: value(identifiers) ?? [])
            return .begun(try keyring.succeed(by: succession))
        }
        let key = value(identifiers)
        if let old = value(predecessor) {
            do throws(CryptoFailure) {
                return .retired(try keyring.take(predecessor: old, check: mark, identifierKey: key ?? []))
            } catch {
                // It is as good as forgotten: no token of before is taken, and everything else is answered.
                guard error == .damagedRecord else { throw error }
            }
        }
        if let key { keyring.use(identifierKey: key) }
        return .none
    }

    /// Whether a store with these settings may be of this root key, which ``admit(_:_:_:)`` then decides.
    static func mayBelong(to rootKey: RootKey, _ settings: [String: [UInt8]]) -> Bool {
        let marks = [check, successorCheck].compactMap { settings[$0] }.filter { !$0.isEmpty }
        return marks.isEmpty || marks.contains(where: rootKey.matches)
    }

    /// Whether a store with these settings says which root key it was made with.
    static func isMarked(_ settings: [String: [UInt8]]) -> Bool { settings[check]?.isEmpty == false }

    /// The names of the settings that do not open.
    static func damaged(_ settings: [String: [UInt8]], _ keyring: Keyring) -> [String] {
        func value(_ name: String) -> [UInt8]? { settings[name].flatMap { $0.isEmpty ? nil : $0 } }
        let mark = value(successorCheck) ?? value(check) ?? []
        let opens: [(name: String, open: ([UInt8]) -> Bool)] = [
            (successor, keyring.opens(successor:)), (identifiers, keyring.opens(identifierKey:)),
            (predecessor, { keyring.opens(predecessor: $0, check: mark) }),
        ]
        return opens.compactMap { name, open in value(name).map(open) == false ? name : nil }
    }

    // MARK: Steps

    /// A new root key is there, and either opens the other.
    static func beginning(of succession: RootSuccession) -> Change {
        Change([
            .setSetting(successor, succession.successor), .setSetting(successorCheck, succession.check),
            .setSetting(predecessor, succession.predecessor), .setSetting(identifiers, succession.identifierKey),
        ])
    }

    /// The new root key is the root key, and `old` is the record of the one before.
    static func end(keeping old: (record: [UInt8], check: [UInt8])) -> Change {
        Change([
            .setSetting(check, old.check), .setSetting(successor, []), .setSetting(successorCheck, []),
            .setSetting(predecessor, old.record),
        ])
    }

    /// Nothing needs the old root key any more, and the mark of the present one names no record of it.
    static func farewell(marking mark: [UInt8]) -> Change {
        Change([.setSetting(check, mark), .setSetting(predecessor, [])])
    }
}

extension Engine {
    /// Whether a store with these settings was made with a root key, which every later start has to have.
    package static func isMarked(_ settings: [String: [UInt8]]) -> Bool { RootKeyMarks.isMarked(settings) }

    /// Whether a store with these settings may be of this root key: what can be told before the store is brought up to date.
    package static func mayOpen(_ settings: [String: [UInt8]], with rootKey: RootKey) -> Bool {
        RootKeyMarks.mayBelong(to: rootKey, settings)
    }
}
