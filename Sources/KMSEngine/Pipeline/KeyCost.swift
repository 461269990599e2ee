import KMSCrypto
import KMSModel

/// How long a computation with a key takes, which decides where it is done.
enum KeyCost: Comparable {
    /// Microseconds: on the event loop.
    case quick
    /// From a fifth of a millisecond to a few: away from it.
    case slow
    /// Up to seconds.
    case verySlow
}

extension KeySpec {
    /// The cost of making key material.
    var generationCost: KeyCost { modulusBits == nil ? privateUseCost : .verySlow }

    /// The cost of signing, decrypting and agreeing.
    ///
    /// Of the curves libcrypto has fast code for P-256 only, and libsodium for Ed25519.
    var privateUseCost: KeyCost {
        isSymmetric || self == .eccNISTP256 || self == .eccNISTEdwards25519 ? .quick : .slow
    }

    /// The cost of verifying, and of encrypting to a public key.
    var publicUseCost: KeyCost { modulusBits == nil ? privateUseCost : .quick }
}

extension RequestContext {
    /// Does `work` with the keyring where its cost allows it, and turns what the cryptography module refuses into what a
    /// caller may learn of it.
    ///
    /// Work that had to wait is done only if `operation` may still be done to the keys when its turn has come.
    ///
    /// - Throws: ``KMSError``; `ThrottlingException` and `DependencyTimeoutException` as ``FairLine/result(for:_:)``.
    @inline(__always)  // As long as nothing has to wait, no frame is made.
    func compute<Value: Sendable>(
        at cost: KeyCost, for operation: OperationName, on keys: [KeySnapshot],
        _ work: @escaping @Sendable (Keyring) throws(CryptoFailure) -> Value
    ) async throws(KMSError) -> Value {
        switch cost {
        case .quick: try keyring.answering(work)
        case .slow: try await compute(in: slowWork.computation, for: operation, on: keys, work)
        case .verySlow: try await compute(in: slowWork.keyGeneration, for: operation, on: keys, work)
        }
    }

    private func compute<Value: Sendable>(
        in line: FairLine, for operation: OperationName, on keys: [KeySnapshot],
        _ work: @escaping @Sendable (Keyring) throws(CryptoFailure) -> Value
    ) async throws(KMSError) -> Value {
        let result = try await line.result(for: realm.account) { [self] () throws(KMSError) in
            for key in keys { try checkAgain(key, for: operation) }
            return try keyring.answering(work)
        }
        return try result.get()
    }

    /// Refuses a key that had to wait and may not be used any more.
    func checkAgain(_ key: KeySnapshot, for operation: OperationName) throws(KMSError) {
        guard let present = directory.key(key.arn) else {
            // It may have left memory; whoever takes a key away for good has that follow within the bound.
            guard directory.isComplete else { return }
            throw KMSError(.notFound, "Key '\(key.arnText)' does not exist")
        }
        try StateTable.check(operation, on: present, in: keyStores.state(of: present))
    }
}
