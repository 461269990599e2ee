package import Foundation
package import KMSCrypto
package import KMSModel
import Synchronization

/// Who signed a request, with which key, for which region.
///
/// An object, because everything that belongs to a request carries it on.
package final class Caller: Sendable {
    /// Whose access key signed.
    package let principal: Principal
    /// The access key that signed.
    package let accessKeyID: String
    /// The region of the signature's scope; it selects the region that serves the request.
    package let region: Region
    /// What the credentials stand for, if they are temporary.
    package let session: Session?
    private let record = Mutex<[UInt8]?>(nil)

    package init(principal: Principal, accessKeyID: String, region: Region, session: Session? = nil) {
        self.principal = principal
        self.accessKeyID = accessKeyID
        self.region = region
        self.session = session
        partition = region.partition
    }

    convenience init(_ credential: Credential, in region: Region) {
        self.init(
            principal: credential.principal, accessKeyID: credential.accessKeyID, region: region,
            session: credential.session)
    }

    /// The partition that the caller's ARNs are shown in.
    package let partition: Partition

    /// What is written of the caller into records: by `write` the first time, and kept for as long as the caller is.
    package func record(writtenBy write: () -> [UInt8]) -> [UInt8] {
        record.withLock { record in
            if let record { return record }
            let written = write()
            record = written
            return written
        }
    }
}

/// What temporary credentials stand for, prepared for use: made once for each token.
package final class Session: Sendable {
    /// What the token has inside.
    package let record: SessionRecord
    /// The documents that narrow the session; nil when it was begun without.
    package let policies: [IdentityPolicy]?

    /// - Throws: ``PolicyFailure`` for a document that is not a policy.
    package init(_ record: SessionRecord) throws(PolicyFailure) {
        self.record = record
        policies = try record.policies?.map { text throws(PolicyFailure) in
            IdentityPolicy(try PolicyDocument.parse(stored: text, as: .identity), label: "the policy of the session")
        }
    }
}

/// What a signature is checked with, and whose it is.
package struct Credential: Sendable {
    /// Where the secret is.
    package enum Secret: Sendable, Equatable {
        /// In the store, wrapped.
        case wrapped([UInt8])
        /// Nowhere: it is derived from what the session token was made with.
        case derived(SessionSeed)
    }

    /// The access key that signs.
    package let accessKeyID: String
    package let principal: Principal
    /// The partition of the account: the only one in which it works.
    package let partition: Partition
    /// Where its secret is.
    package let secret: Secret
    /// What it stands for, if it is temporary.
    package let session: Session?

    package init(
        accessKeyID: String, principal: Principal, in partition: Partition, secret: Secret, session: Session? = nil
    ) {
        self.accessKeyID = accessKeyID
        self.principal = principal
        self.partition = partition
        self.secret = secret
        self.session = session
    }
}

/// Where access keys are looked up; it answers from memory.
package protocol CredentialSource: Sendable {
    /// The long-term credential of this identifier, if it is active and its user is still there.
    func credential(_ accessKeyID: String) -> Credential?

    /// The partition of the account: the only one in which its credentials work.
    func partition(of account: AccountID) -> Partition?

    /// Who has the sessions of a user or role, as it is called now; nil when it is gone.
    func principal(of session: SessionRecord) -> Principal?

    /// Remembers that a long-term credential has signed a request.
    func noteUse(of accessKeyID: String, for service: String, in region: Region, at date: Date)
}
