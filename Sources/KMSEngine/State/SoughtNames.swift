import KMSModel
import Synchronization

/// What a request looked for in memory, where not all is there.
package final class SoughtNames: Sendable {
    private struct Names {
        var keys: Set<KeyPlace> = []
        var aliases: Set<AliasARN> = []
        var old: Set<KeyID> = []
        var found: Set<KeyID> = []
    }

    private let names = Mutex(Names())
    /// Whether keys are noted that do not have what they should.
    private let takesOld: Bool

    init(takesOld: Bool = true) { self.takesOld = takesOld }

    /// Keys that are not in memory.
    var missedKeys: Set<KeyPlace> { names.withLock { $0.keys } }
    /// Aliases that are not in memory.
    var missedAliases: Set<AliasARN> { names.withLock { $0.aliases } }
    /// Keys that are in memory but do not have what they should.
    var old: Set<KeyID> { names.withLock { $0.old } }
    /// Keys that were in memory.
    var found: Set<KeyID> { names.withLock { $0.found } }
    /// Whether everything was in memory, and new enough.
    var isAllThere: Bool { names.withLock { $0.keys.isEmpty && $0.aliases.isEmpty && $0.old.isEmpty } }

    func noteMissed(_ key: KeyPlace) { names.withLock { _ = $0.keys.insert(key) } }

    func noteMissed(_ alias: AliasARN) { names.withLock { _ = $0.aliases.insert(alias) } }

    func noteOld(_ key: KeyID) {
        guard takesOld else { return }
        names.withLock { _ = $0.old.insert(key) }
    }

    func noteFound(_ key: KeyID) { names.withLock { _ = $0.found.insert(key) } }
}
