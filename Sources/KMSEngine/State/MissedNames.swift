import KMSModel
import Synchronization

/// What a request looked for and did not find in memory.
package final class MissedNames: Sendable {
    private struct Names {
        var keys: Set<KeyID> = []
        var aliases: Set<AliasARN> = []
        /// Keys that are in memory but do not have what they should.
        var old: Set<KeyID> = []
    }

    private let names = Mutex(Names())
    /// Whether keys are noted that do not have what they should.
    private let takesOld: Bool

    init(takesOld: Bool = true) { self.takesOld = takesOld }

    var keys: Set<KeyID> { names.withLock { $0.keys } }
    var aliases: Set<AliasARN> { names.withLock { $0.aliases } }
    var old: Set<KeyID> { names.withLock { $0.old } }
    var isEmpty: Bool { names.withLock { $0.keys.isEmpty && $0.aliases.isEmpty && $0.old.isEmpty } }

    func note(_ key: KeyID) { names.withLock { _ = $0.keys.insert(key) } }

    func noteOld(_ key: KeyID) {
        guard takesOld else { return }
        names.withLock { _ = $0.old.insert(key) }
    }

    func note(_ alias: AliasARN) { names.withLock { _ = $0.aliases.insert(alias) } }
}
