import KMSCrypto
import KMSModel
import Synchronization

/// The signing keys that were derived last, with the terms that they were derived for, so that a request costs one HMAC
/// instead of five, and one look instead of taking its header apart.
///
/// Only what has verified a signature gets in, so nobody without a secret can fill it. Whether the access key is still active
/// and its secret still the same is asked with every request.
final class SigningKeyCache: Sendable {
    /// What is remembered of requests with the same terms.
    final class Entry: Sendable {
        let terms: SignatureTerms
        private let secret: Credential.Secret
        private let key: SigningKey
        private let caller: Caller

        init(_ terms: SignatureTerms, _ key: SigningKey, of owner: Credential, as caller: Caller) {
            self.terms = terms
            self.key = key
            secret = owner.secret
            self.caller = caller
        }

        /// The signing key, if it was derived from this very secret.
        func key(of owner: Credential) -> SigningKey? { secret == owner.secret ? key : nil }

        /// Who signed then, if the access key is still of the same, by the same name.
        func caller(of owner: Credential) -> Caller? {
            caller.session === owner.session && caller.principal == owner.principal ? caller : nil
        }
    }

    private let capacity: Int
    private let entries = Mutex<[String: Entry]>([:])

    init(capacity: Int = 4096) { self.capacity = capacity }

    /// What is remembered by this name: that of ``SignatureClaim``.
    ///
    /// Of other texts than ASCII nothing is: a dictionary puts their accents in order first, which takes a time that grows with
    /// the square of their number.
    func entry(for name: String) -> Entry? {
        guard name.isASCII else { return nil }
        return entries.withLock { $0[name] }
    }

    func insert(_ entry: Entry, for name: String) {
        entries.withLock { entries in
            // Yesterday's keys are of no use any more; after a full cache the ones in use come back at once.
            if entries.count >= capacity { entries.removeAll(keepingCapacity: true) }
            entries[name] = entry
        }
    }

    var count: Int { entries.withLock { $0.count } }
}
