import Foundation
import KMSAccess
import KMSCrypto
import KMSModel
import Synchronization
import Testing

/// An authenticator with one access key, and the means to change that key under it.
final class Access: CredentialSource {
    static let accessKeyID = "AKIAIOSFODNN7EXAMPLE"
    static let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    static let region = "us-east-1"
    /// 2026-01-02T03:04:05Z.
    static let time = Date(timeIntervalSince1970: 1_767_323_045)

    let keyring: Keyring
    private let regions: HostedRegions
    private let records: Mutex<[String: AccessKeyRecord]>
    private let areIdentitiesGone = Mutex(false)
    /// Who has the access key; nil for the account itself.
    let owner = Mutex<Principal?>(nil)
    private let uses = Mutex<[String]>([])
    /// Where every account is.
    let partition = Mutex(Partition.aws)

    init(regions: HostedRegions = .anyWellFormed) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("seal-\(UUID().uuidString)").path
        let seal = FileSeal(path: path)
        try seal.create()
        defer { try? FileManager.default.removeItem(atPath: path) }
        keyring = try Keyring(rootKey: try seal.open(), capacity: 4)
        self.regions = regions
        records = Mutex([:])
        try replace(secret: Self.secret)
    }

    /// Gives the access key another secret, or another condition.
    func replace(secret: String, isActive: Bool = true) throws {
        let account = try #require(AccountID("111122223333"))
        let wrapped = try keyring.wrapSecret(
            SecretBytes(copying: secret.utf8), accessKeyID: Self.accessKeyID, account: account
        )
        let record = AccessKeyRecord(
            id: Self.accessKeyID, account: account, creationDate: Self.time, isActive: isActive,
            wrappedSecret: wrapped
        )
        records.withLock { $0[record.id] = record }
    }

    func remove() { records.withLock { $0.removeAll() } }

    func credential(_ accessKeyID: String) -> Credential? {
        guard let record = records.withLock({ $0[accessKeyID] }), record.isActive,
            let partition = partition(of: record.account)
        else { return nil }
        return Credential(
            accessKeyID: record.id, principal: owner.withLock(\.self) ?? .root(record.account), in: partition,
            secret: .wrapped(record.wrappedSecret))
    }

    func partition(of account: AccountID) -> Partition? { partition.withLock(\.self) }

    func principal(of session: SessionRecord) -> Principal? {
        guard let id = session.identity else { return .root(session.account) }
        guard !areIdentitiesGone.withLock(\.self) else { return nil }
        return .roleSession(session.account, path: "/", role: "r", session: session.name ?? "", id: id)
    }

    func noteUse(of accessKeyID: String, for service: String, in region: Region, at date: Date) {
        uses.withLock { $0.append(accessKeyID) }
    }

    /// The access keys that were noted as used, in order.
    var usedKeys: [String] { uses.withLock { $0 } }

    /// Deletes whoever has a session.
    func removeIdentities() { areIdentitiesGone.withLock { $0 = true } }

    /// Of this moment; an authenticator of its own each time, so with an empty cache.
    var authenticator: Authenticator { Authenticator(credentials: self, keyring: keyring, regions: regions) }

    /// A request of the KMS API before it is signed.
    static func request(_ body: String = #"{"KeyId":"alias/a"}"#) -> SignedRequest {
        SignedRequest(
            method: "POST", path: "/", query: "",
            headers: [
                ("host", "127.0.0.1:4599"), ("content-type", "application/x-amz-json-1.1"),
                ("x-amz-target", "TrentService.DescribeKey"),
            ],
            body: Array(body.utf8)
        )
    }

    /// The same, signed.
    static func signed(
        _ request: SignedRequest = request(), secret: String = secret, region: String = region,
        service: SigningService = .kms, at time: Date = time
    ) -> SignedRequest {
        Signer(accessKeyID: accessKeyID, secret: SecretBytes(copying: secret.utf8))
            .sign(request, region: region, service: service, at: time)
    }
}

extension SignedRequest {
    /// The request with another value for a header, or without the header when that is nil.
    func with(_ name: String, _ value: String?) -> SignedRequest {
        var headers = self.headers.filter { $0.name != name }
        if let value { headers.append((name, value)) }
        return SignedRequest(method: method, path: path, query: query, headers: headers, body: body)
    }

    /// The request with its `Authorization` header rewritten.
    func authorization(_ edit: (String) -> String) -> SignedRequest {
        with("authorization", edit(headers.first { $0.name == "authorization" }?.value ?? ""))
    }
}
