import KMSCrypto
import KMSModel
import Synchronization

/// The sessions whose tokens were opened last, so that a token is opened and its policies are compiled once.
///
/// Only tokens that this server made get in. Whether a session is over, and whether its user or role is still there, is
/// asked with every request.
final class SessionCache: Sendable {
    struct Entry {
        let accessKeyID: String
        let seed: SessionSeed
        let session: Session
    }

    private let capacity: Int
    private let entries = Mutex<[[UInt8]: Entry]>([:])

    init(capacity: Int = 4096) { self.capacity = capacity }

    /// The session that a token stands for; nil for any text that is not a token of this server.
    func session(of token: String, with keyring: Keyring) -> Entry? {
        // Found by its hash, so that the time of looking tells nothing of the tokens that are here.
        let place = Digest.sha256(Array(token.utf8))
        if let known = entries.withLock({ $0[place] }), keyring.takes(known.seed) { return known }
        guard let opened = keyring.openSessionToken(token), let record = try? SessionRecord(encoded: opened.content),
            let session = try? Session(record)
        else { return nil }
        let entry = Entry(accessKeyID: opened.accessKeyID, seed: opened.seed, session: session)
        entries.withLock { entries in
            if entries.count >= capacity { entries.removeAll(keepingCapacity: true) }
            entries[place] = entry
        }
        return entry
    }
}
