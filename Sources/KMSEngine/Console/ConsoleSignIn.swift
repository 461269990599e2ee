package import Foundation
package import KMSAccess
import KMSIdentity
package import KMSModel

/// Lets somebody into the console who has the secret of an access key, and says later who that is.
package struct ConsoleSignIn: Sendable {
    static let eventSource = "signin.amazonaws.com"

    private let authenticator: Authenticator
    private let identities: IdentityDirectory
    private let directory: KeyDirectory
    private let audit: AuditLog
    private let clock: any Clock

    init(
        authenticator: Authenticator, identities: IdentityDirectory, directory: KeyDirectory, audit: AuditLog,
        clock: any Clock
    ) {
        self.authenticator = authenticator
        self.identities = identities
        self.directory = directory
        self.audit = audit
        self.clock = clock
    }

    /// What people's sessions are measured with: the real time, also where the server's clock runs ahead of it.
    package var time: Date { clock.signingTime }

    /// Whoever has these credentials, once the secret is known to be the access key's own and the record is kept.
    ///
    /// A failure is recorded where the access key is one of an account.
    ///
    /// - Parameters:
    ///   - token: What came with temporary credentials.
    ///   - isRecorded: Whether a failure is; whoever tries without end would fill the log with them.
    /// - Throws: ``AuthenticationFailure``: `unrecognizedClient`, `expiredToken`, `signatureMismatch`; ``AuditFailure``.
    package func signIn(
        _ accessKeyID: String, secret: SecretBytes, token: String?, from client: Client,
        recordingFailure isRecorded: Bool = true
    ) async throws -> Caller {
        let caller: Caller
        do throws(AuthenticationFailure) {
            caller = try authenticator.caller(
                signingInWith: accessKeyID, secret: secret, token: token, at: clock.now, in: firstRegion)
        } catch {
            if isRecorded { try await keepFailure(error, of: accessKeyID, client) }
            throw error
        }
        let home = home(of: caller)
        try await keep(home, client, failure: nil)
        return home
    }

    /// Whoever signed in with this access key, in one of the regions.
    ///
    /// - Throws: ``AuthenticationFailure``: as ``Authenticator/caller(knownBy:token:in:at:)``.
    package func caller(
        _ accessKeyID: String, token: String?, in region: Region
    ) throws(AuthenticationFailure) -> Caller {
        try authenticator.caller(knownBy: accessKeyID, token: token, in: region, at: clock.now)
    }

    /// The regions that the caller can look at: those that are served, or else AWS's and those with keys in them.
    package func regions(for caller: Caller) -> [Region] {
        switch authenticator.regions {
        case .only(let regions): regions.filter { $0.partition == caller.partition }.sorted()
        case .anyWellFormed:
            Set(Region.ofAWS(in: caller.partition) + directory.regions(of: caller.principal.account) + [caller.region])
                .sorted()
        }
    }

    // MARK: Regions

    /// Where the caller begins: where the account has keys.
    private func home(of caller: Caller) -> Caller {
        let region = directory.regions(of: caller.principal.account).first { authenticator.regions.contains($0) }
        return Caller(
            principal: caller.principal, accessKeyID: caller.accessKeyID, region: region ?? caller.region,
            session: caller.session)
    }

    /// The global region of the partition where it is served, or else the first of those that are.
    private func firstRegion(_ partition: Partition) -> Region? {
        if let global = Region(partition.globalRegion), authenticator.regions.contains(global) { return global }
        guard case .only(let regions) = authenticator.regions else { return nil }
        return regions.filter { $0.partition == partition }.min()
    }

    // MARK: Audit

    private func keepFailure(
        _ failure: AuthenticationFailure, of accessKeyID: String, _ client: Client
    ) async throws(AuditFailure) {
        guard let principal = identities.credential(accessKeyID)?.principal,
            let region = identities.partition(of: principal.account).flatMap(firstRegion)
        else { return }
        let caller = Caller(principal: principal, accessKeyID: accessKeyID, region: region)
        // Where the account's successes are looked for too.
        try await keep(home(of: caller), client, failure: KMSError(failure.code, "Failed authentication"))
    }

    /// Source: AWS CloudTrail User Guide, "AWS Management Console sign-in events".
    private func keep(_ caller: Caller, _ client: Client, failure: KMSError?) async throws(AuditFailure) {
        var record = AuditRecord(
            time: clock.now, eventSource: Self.eventSource, eventName: "ConsoleLogin", eventID: RequestID.make(),
            region: caller.region, account: caller.principal.account,
            origin: .call(caller, client: client, requestID: RequestID.make()))
        record.isReadOnly = false
        record.showsResources = false
        record.outcome = failure.map(AuditRecord.Failure.init)
        record.responseElements = .answer(
            JSONObject(["ConsoleLogin": .string(failure == nil ? "Success" : "Failure")]))
        // Waiting for the disk would tell an access key that is known from one that is not.
        try await audit.append(record.line(), failure == nil ? .now : .later)
    }
}
