package import KMSModel

/// Somebody whom a policy names.
package enum PolicyPrincipal: Sendable, Hashable {
    /// `"*"`: everybody, AWS services included.
    case anyone
    /// `{"AWS": "*"}`: every user, role session and root user of every account.
    case anyIdentity
    /// An account, by its number or its root ARN: its root user, and everybody whom the account itself permits.
    case account(AccountID)
    /// An IAM user; `path` begins and ends with a slash.
    case user(AccountID, path: String, name: String)
    /// Every session of a role; `path` begins and ends with a slash.
    case role(AccountID, path: String, name: String)
    /// One session of a role, whose path such an ARN leaves out.
    case roleSession(AccountID, role: String, session: String)
    /// A federated session. No credential of this server belongs to one.
    case federatedUser(AccountID, name: String)
    /// An AWS service acting for itself.
    case service(String)
    /// A user, or every session of a role, by the unique identifier (`AIDA...`, `AROA...`): so policies are stored, and so
    /// they still read when whoever was meant is deleted.
    case uniqueID(UniqueID)
    /// One session of a role that is named by its unique identifier: `AROA...:<session>`.
    case uniqueSession(UniqueID, session: String)
    /// A provider of identities of others. No credential of this server comes from one.
    case federatedProvider(String)
}

extension PolicyPrincipal {
    /// Reads a value of the `AWS` element.
    ///
    /// - Parameter partition: The only partition whose ARNs are accepted.
    /// - Throws: ``PolicyFailure/invalidPrincipal``, or ``PolicyFailure/invalidARN`` for a well-formed ARN that cannot be
    ///   a principal.
    package init(aws text: String, in partition: Partition) throws(PolicyFailure) {
        // Longer than any is, and what follows compares characters.
        guard text.utf8.count <= Self.maximumLength else { throw .invalidPrincipal }
        if text == "*" {
            self = .anyIdentity
        } else if let account = AccountID(text) {
            self = .account(account)
        } else if let bound = Self.bound(text) {
            self = bound
        } else {
            try self.init(arn: text, in: partition)
        }
    }

    /// Reads a value of the `Service` element: labels of letters, digits and hyphens, three at least, with dots between.
    ///
    /// - Throws: ``PolicyFailure/invalidPrincipal``.
    package init(service text: String) throws(PolicyFailure) {
        let labels = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.count >= 3, labels.allSatisfy({ !$0.isEmpty && $0.allSatisfy(\.isASCIILabel) }) else {
            throw .invalidPrincipal
        }
        self = .service(text)
    }

    private init(arn text: String, in partition: Partition) throws(PolicyFailure) {
        // Characters of a wildcard may stand in an IAM path, but a policy that used them would mean a wildcard.
        guard !text.utf8.contains(where: { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }) else {
            throw .invalidPrincipal
        }
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[1] == partition.rawValue else { throw .invalidPrincipal }
        switch parts[2] {
        case "iam", "sts":
            guard parts[3].isEmpty, let account = AccountID(parts[4]) else { throw .invalidPrincipal }
            let entity = parts[5].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            let rest = entity.count == 2 ? entity[1] : nil
            let make = parts[2] == "iam" ? Self.iamEntity : Self.stsSession
            self = try make(account, String(entity[0]), rest)
        default:
            throw .invalidARN
        }
    }

    private static func iamEntity(
        _ account: AccountID, _ kind: String, _ rest: Substring?
    ) throws(PolicyFailure) -> Self {
        switch (kind, rest) {
        case ("root", nil):
            return .account(account)
        case ("user", let rest?):
            let (path, name) = try pathAndName(rest)
            return .user(account, path: path, name: name)
        case ("role", let rest?):
            let (path, name) = try pathAndName(rest)
            return .role(account, path: path, name: name)
        case ("root", _), ("user", nil), ("role", nil):
            throw .invalidPrincipal
        default:
            throw .invalidARN
        }
    }

    private static func stsSession(
        _ account: AccountID, _ kind: String, _ rest: Substring?
    ) throws(PolicyFailure) -> Self {
        let names = rest?.split(separator: "/", omittingEmptySubsequences: false).map(String.init) ?? []
        switch kind {
        case "assumed-role":
            guard names.count == 2, isName(names[0]), isName(names[1]) else { throw .invalidPrincipal }
            return .roleSession(account, role: names[0], session: names[1])
        case "federated-user":
            guard names.count == 1, isName(names[0]) else { throw .invalidPrincipal }
            return .federatedUser(account, name: names[0])
        default:
            throw .invalidARN
        }
    }

    // MARK: Names

    /// The longest ARN, in bytes (IAM API Reference, `arnType`).
    private static let maximumLength = 2048
    /// The longest user, role and session name (IAM API Reference).
    private static let maximumNameLength = 64
    /// The longest path, slashes at both ends included (IAM API Reference, `pathType`).
    private static let maximumPathLength = 512

    /// Takes apart what follows `user/` or `role/`: a path without its first slash, and a name.
    private static func pathAndName(_ text: Substring) throws(PolicyFailure) -> (path: String, name: String) {
        let start = text.lastIndex(of: "/").map(text.index(after:)) ?? text.startIndex
        let path = "/" + text[..<start]
        let name = String(text[start...])
        // Source of the pattern: IAM API Reference, `pathType`: one slash, or printable ASCII between two.
        guard path.utf8.count != 2, path.utf8.count <= maximumPathLength,
            path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), isName(name)
        else { throw .invalidPrincipal }
        return (path, name)
    }

    /// Whether `text` is 1 to 64 of `[A-Za-z0-9_+=,.@-]`.
    private static func isName(_ text: String) -> Bool {
        (1...maximumNameLength).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0.isASCIILabel || "_+=,.@".utf8.contains($0) }
    }

    /// A user, a role or a session of one, by the unique identifier.
    private static func bound(_ text: String) -> Self? {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let id = UniqueID(String(parts[0])) else { return nil }
        switch (id.kind, parts.count) {
        case (.user, 1), (.role, 1): return .uniqueID(id)
        case (.role, 2) where isName(String(parts[1])): return .uniqueSession(id, session: String(parts[1]))
        default: return nil
        }
    }
}
