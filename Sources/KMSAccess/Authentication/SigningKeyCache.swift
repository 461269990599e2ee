import KMSCrypto
import KMSModel
import Synchronization

/// The signing keys that were derived last, so that a request costs one HMAC instead of five.
///
/// Only keys that have verified a signature get in, so nobody without a secret can fill it. Whether the access key is
/// still active and its secret still the same is asked with every request.
final class SigningKeyCache: Sendable {
    private struct Entry {
        let secret: Credential.Secret
        let key: SigningKey
    }

    private let capacity: Int
    private let entries = Mutex<[String: Entry]>([:])

    init(capacity: Int = 4096) { self.capacity = capacity }

    /// The key of this credential, access key and scope in one text, that was derived from this very secret.
    func key(for credential: String, of owner: Credential) -> SigningKey? {
        entries.withLock { entries in
            guard let entry = entries[credential], entry.secret == owner.secret else { return nil }
            return entry.key
        }
    }

    func insert(_ key: SigningKey, for credential: String, of owner: Credential) {
        entries.withLock { entries in
            // Yesterday's keys are of no use any more; after a full cache the ones in use come back at once.
            if entries.count >= capacity { entries.removeAll(keepingCapacity: true) }
            entries[credential] = Entry(secret: owner.secret, key: key)
        }
    }

    var count: Int { entries.withLock { $0.count } }
}
