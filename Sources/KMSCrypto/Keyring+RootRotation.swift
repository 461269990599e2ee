import Crypto
package import KMSModel

/// A new root key on its way into the place of the present one, as the store keeps it: either of the two opens the other.
package struct RootSuccession: Sendable, Equatable {
    /// The mark of the new root key.
    package let check: [UInt8]
    /// The new root key, wrapped under the present one.
    package let successor: [UInt8]
    /// The present root key, wrapped under the new one.
    package let predecessor: [UInt8]
    /// The key that makes identifiers of imported material, wrapped under the new root key.
    package let identifierKey: [UInt8]

    package init(check: [UInt8], successor: [UInt8], predecessor: [UInt8], identifierKey: [UInt8]) {
        self.check = check
        self.successor = successor
        self.predecessor = predecessor
        self.identifierKey = identifierKey
    }
}

// How one root key replaces another, while the keyring is in use.

extension Keyring {
    /// Makes a new root key, which nothing uses before ``succeed(by:)``.
    ///
    /// - Throws: ``CryptoFailure/unavailable``; ``CryptoFailure/damagedRecord``.
    package func makeSuccession() throws(CryptoFailure) -> RootSuccession {
        let present = roots
        let successor = try unsafe RootKey { buffer throws(CryptoFailure) in try unsafe randomness.fill(buffer) }
        let next = DomainKeys(rootKey: successor)
        let identifiers = try identifierKey(present)
        return RootSuccession(
            check: next.check,
            successor: try wrap(successor, under: present.current.domains, as: .successor),
            predecessor: try wrap(present.current.domains.rootKey, under: next, as: .predecessor),
            identifierKey: try Wrapping.wrap(
                identifiers, under: next.rootKeys, binding: Wrapping.binding(of: .identifierKey), randomness)
        )
    }

    /// Begins to wrap, and to make tokens, under the new root key; what was wrapped under the present one still opens.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord`` for a succession that was not made from the present root key.
    package func succeed(by succession: RootSuccession) throws(CryptoFailure) {
        let successor = try open(succession.successor, under: roots.current.domains, as: .successor)
        guard Digest.areEqual(DomainKeys(rootKey: successor).check, succession.check) else { throw .damagedRecord }
        changeRoots { $0.succeed(by: successor, identifierKey: succession.identifierKey) }
    }

    /// Takes the root key that the present one replaced before this process began.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord`` for what was not wrapped under the present root key.
    package func take(predecessor: [UInt8], identifierKey: [UInt8]) throws(CryptoFailure) {
        let rootKey = try open(predecessor, under: roots.current.domains, as: .predecessor)
        changeRoots { $0.take(previous: rootKey, identifierKey: identifierKey) }
    }

    /// Uses a key for identifiers of imported material that an earlier root key left.
    package func use(identifierKey: [UInt8]) { changeRoots { $0.identifierKey = identifierKey } }

    /// Takes no session, import or grant token any more that was made under the previous root key.
    package func refusePreviousTokens() { changeRoots { $0.refusePreviousTokens() } }

    /// Lets go of the previous root key.
    package func forgetPreviousRootKey() { changeRoots { $0.forgetPrevious() } }

    /// Lends the current root key to what seals it.
    package func withRootKey<Result>(_ body: (RootKey) async throws -> Result) async rethrows -> Result {
        try await body(roots.current.domains.rootKey)
    }

    /// The material wrapped under the current root key; nil when it is already, or is not there.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord`` when it opens under neither root key.
    package func renewed(_ material: MaterialRecord) throws(CryptoFailure) -> [UInt8]? {
        guard let wrapped = material.wrapped else { return nil }
        let binding = Wrapping.binding(of: material.id, key: material.key, spec: material.spec)
        return try renewed(wrapped, binding: binding) { $0.key(of: material.key.region) }
    }

    /// The secret of an access key wrapped under the current root key; nil when it is already.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord`` when it opens under neither root key.
    package func renewed(
        _ wrappedSecret: [UInt8], accessKeyID: String, account: AccountID
    ) throws(CryptoFailure) -> [UInt8]? {
        try renewed(wrappedSecret, binding: Wrapping.binding(ofSecret: accessKeyID, account: account)) { $0.identity }
    }

    /// Whether the bytes of a generation of key material open as what the record says that they are.
    package func opens(_ material: MaterialRecord) -> Bool {
        (try? unsafe unwrap(material) { _ in () }) != nil
    }

    /// Whether the secret of an access key opens.
    package func opens(_ wrappedSecret: [UInt8], accessKeyID: String, account: AccountID) -> Bool {
        let binding = Wrapping.binding(ofSecret: accessKeyID, account: account)
        return (try? unsafe open(wrappedSecret, binding: binding, under: { $0.identity }) { _ in () }) != nil
    }

    /// What is bound to `binding` wrapped under the current root key; nil when it is already.
    func renewed(
        _ wrapped: [UInt8], binding: [UInt8], _ key: (DomainKeys) -> SymmetricKey
    ) throws(CryptoFailure) -> [UInt8]? {
        let roots = roots
        do throws(CryptoFailure) {
            try unsafe Wrapping.open(wrapped, under: key(roots.current.domains), binding: binding) { _ in () }
            return nil
        } catch {
            guard let previous = roots.previous else { throw error }
            let secret = try unsafe Wrapping.open(wrapped, under: key(previous.domains), binding: binding) {
                unsafe SecretBytes(copying: $0)
            }
            return try Wrapping.wrap(secret, under: key(roots.current.domains), binding: binding, randomness)
        }
    }

    // MARK: Root keys as records

    private func wrap(
        _ rootKey: RootKey, under domains: DomainKeys, as role: Wrapping.RootKeyRole
    ) throws(CryptoFailure) -> [UInt8] {
        let secret = unsafe rootKey.withBytes { unsafe SecretBytes(copying: $0) }
        return try Wrapping.wrap(secret, under: domains.rootKeys, binding: Wrapping.binding(of: role), randomness)
    }

    private func open(
        _ wrapped: [UInt8], under domains: DomainKeys, as role: Wrapping.RootKeyRole
    ) throws(CryptoFailure) -> RootKey {
        try unsafe Wrapping.open(wrapped, under: domains.rootKeys, binding: Wrapping.binding(of: role)) {
            bytes throws(CryptoFailure) in
            guard bytes.count == RootKey.byteCount else { throw .damagedRecord }
            return try unsafe RootKey { buffer throws(CryptoFailure) in unsafe buffer.copyMemory(from: bytes) }
        }
    }

    /// The key that makes identifiers of imported material.
    ///
    /// - Throws: ``CryptoFailure/damagedRecord`` when the one that was kept does not open.
    func identifierKey(_ roots: Roots) throws(CryptoFailure) -> SecretBytes {
        guard let wrapped = roots.identifierKey else {
            return unsafe roots.current.domains.materialIdentifiers.withUnsafeBytes { unsafe SecretBytes(copying: $0) }
        }
        return try unsafe Wrapping.open(
            wrapped, under: roots.current.domains.rootKeys, binding: Wrapping.binding(of: .identifierKey)
        ) { unsafe SecretBytes(copying: $0) }
    }
}

extension Wrapping {
    /// What a record that is wrapped under the domain key for root keys is.
    enum RootKeyRole: String {
        case successor, predecessor
        case identifierKey = "material identifiers"
    }

    static func binding(of role: RootKeyRole) -> [UInt8] {
        var encoding = CanonicalEncoding(label: "chatelaine root key")
        encoding.append([version])
        encoding.append(role.rawValue)
        return encoding.bytes
    }
}
