import Crypto
package import KMSModel

/// A new root key on its way into the place of the present one, as the store keeps it: either of the two opens the other.
package struct RootSuccession: Sendable, Equatable {
    /// The mark of the new root key, which names the record of the present one.
    package let check: [UInt8]
    /// The new root key, wrapped under the present one.
    package let successor: [UInt8]
    /// The present root key and its end, wrapped under the new one.
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
    /// - Parameter retirement: The end of the present root key.
    /// - Throws: ``CryptoFailure/unavailable``; ``CryptoFailure/damagedRecord``.
    package func makeSuccession(_ retirement: RootRetirement) throws(CryptoFailure) -> RootSuccession {
        let present = roots
        let successor = try unsafe RootKey { buffer throws(CryptoFailure) in try unsafe randomness.fill(buffer) }
        let next = DomainKeys(rootKey: successor)
        let identifiers = try identifierKey(present)
        let retired = RetiredRootKey(present.current.domains.rootKey, retirement)
        let predecessor = try retired.sealed(under: next, randomness)
        let content = unsafe successor.withBytes { unsafe SecretBytes(copying: $0) }
        return RootSuccession(
            check: predecessor.check,
            successor: try Wrapping.wrap(
                content, under: present.current.domains.rootKeys, binding: Wrapping.binding(of: .successor), randomness),
            predecessor: predecessor.record,
            identifierKey: try Wrapping.wrap(
                identifiers, under: next.rootKeys, binding: Wrapping.binding(of: .identifierKey), randomness)
        )
    }

    /// Begins to wrap, and to make tokens, under the new root key; what was wrapped under the present one still opens.
    ///
    /// - Returns: The end of the root key that was the present one.
    /// - Throws: ``CryptoFailure/damagedRecord`` for a succession that was not made from the present root key.
    @discardableResult
    package func succeed(by succession: RootSuccession) throws(CryptoFailure) -> RootRetirement {
        let present = roots.current.domains
        let successor = try openSuccessor(succession.successor, under: present)
        let retired = try RetiredRootKey(
            opening: succession.predecessor, under: DomainKeys(rootKey: successor), check: succession.check)
        guard retired.rootKey.isSame(as: present.rootKey) else { throw .damagedRecord }
        changeRoots { roots in
            roots.succeed(by: successor, identifierKey: succession.identifierKey)
            if !retired.retirement.takesTokens { roots.refusePreviousTokens() }
        }
        return retired.retirement
    }

    /// Takes the root key that the present one replaced before this process began.
    ///
    /// - Parameter check: The mark of the present root key, which names the record.
    /// - Returns: The end of the root key that is taken.
    /// - Throws: ``CryptoFailure/damagedRecord`` for what was not wrapped under the present root key, and for a record of another
    ///   time than the mark.
    @discardableResult
    package func take(
        predecessor: [UInt8], check: [UInt8], identifierKey: [UInt8]
    ) throws(CryptoFailure) -> RootRetirement {
        let retired = try RetiredRootKey(opening: predecessor, under: roots.current.domains, check: check)
        changeRoots { roots in
            roots.take(previous: retired.rootKey, identifierKey: identifierKey)
            if !retired.retirement.takesTokens { roots.refusePreviousTokens() }
        }
        return retired.retirement
    }

    /// The record of the previous root key with another end, and the mark of the present one, which from then on names it.
    ///
    /// - Throws: ``CryptoFailure/unavailable``, also without a previous root key.
    package func makePredecessor(
        _ retirement: RootRetirement
    ) throws(CryptoFailure) -> (record: [UInt8], check: [UInt8]) {
        let roots = roots
        guard let previous = roots.previous else { throw .unavailable }
        return try RetiredRootKey(previous.domains.rootKey, retirement).sealed(under: roots.current.domains, randomness)
    }

    /// Uses a key for identifiers of imported material that an earlier root key left.
    package func use(identifierKey: [UInt8]) { changeRoots { $0.identifierKey = identifierKey } }

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

    /// Whether the record of a new root key opens, under whichever root key.
    package func opens(successor: [UInt8]) -> Bool {
        allDomains.contains { (try? openSuccessor(successor, under: $0)) != nil }
    }

    /// Whether the record of a root key of before opens, and is the one that `check` names.
    package func opens(predecessor: [UInt8], check: [UInt8]) -> Bool {
        allDomains.contains { (try? RetiredRootKey(opening: predecessor, under: $0, check: check)) != nil }
    }

    /// Whether the key that makes identifiers of imported material opens.
    package func opens(identifierKey: [UInt8]) -> Bool {
        let binding = Wrapping.binding(of: .identifierKey)
        return (try? unsafe open(identifierKey, binding: binding, under: { $0.rootKeys }) { _ in () }) != nil
    }

    private var allDomains: [DomainKeys] {
        let roots = roots
        return [roots.current.domains] + (roots.previous.map { [$0.domains] } ?? [])
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

    private func openSuccessor(_ wrapped: [UInt8], under domains: DomainKeys) throws(CryptoFailure) -> RootKey {
        try unsafe Wrapping.open(wrapped, under: domains.rootKeys, binding: Wrapping.binding(of: .successor)) {
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
