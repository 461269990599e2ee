package import KMSModel
package import KMSPKCS11
import Synchronization

/// Keys that are in a token, and sessions to use them with.
///
/// Its calls wait for a device: never on an event loop. Several threads may call at a time; each has a session of its own.
///
/// A session is in the hands of one thread at a time, and in the pool between two calls.
@safe package final class TokenKeyStore: Sendable {
    /// How many sessions are kept for their next use.
    private static let mostIdle = 16
    /// How many keys are remembered by their handles.
    private static let mostKeys = 10_000

    /// A session on its way from one thread to another.
    private struct Idle: @unchecked Sendable {
        let token: Token
    }

    private struct Pool {
        var idle: [Idle] = []
        /// Grows when all sessions are given up, so that those that are in use then are not used again.
        var generation = 0
        /// What keys were found by; handles are good until the token is reset.
        var keys: [KeyMaterialID: TokenKey] = [:]
        /// Why nobody logs in any more before somebody has looked into it: a token locks after a few wrong PINs.
        var refusal: TokenFailure?
    }

    private let label: String
    private let module: String
    private let pin: SecretBytes
    private let pool = Mutex(Pool())
    /// Held while somebody logs in: of many who find no session, one tries the PIN.
    private let loggingIn = Mutex(())

    /// Logs in to the token of this label.
    ///
    /// - Parameters:
    ///   - module: The absolute path of the library that speaks to it.
    ///   - pin: Kept for as long as the store is, for the token may have to be logged in to again.
    /// - Throws: ``TokenFailure``.
    package init(token label: String, module: String, pin: SecretBytes) throws(TokenFailure) {
        self.label = label
        self.module = module
        self.pin = pin
        // An application is logged in as long as it has a session.
        let first = Idle(token: try open(isFirst: true))
        pool.withLock { $0.idle.append(first) }
    }

    /// Has nobody log in any more: what is being done is done in the session that it has, or fails.
    ///
    /// A PIN that was changed meanwhile would else be tried by each call that comes back from a token that hung.
    package func refuseLogins() { pool.withLock { $0.refusal = $0.refusal ?? .givenUp(token: label) } }

    /// Has nobody log in any more, and ends the sessions that nobody uses, which may wait for the device; the others end with
    /// their use.
    package func close() {
        refuseLogins()
        endSessions(of: pool.withLock { $0.generation })
    }

    // MARK: Keys

    /// Makes the key of this generation of material, which is found by the generation's identifier.
    ///
    /// - Parameter mayRemain: Becomes whether there may be such a key, also when this throws.
    /// - Throws: ``TokenFailure``, also when nobody may log in any more by then.
    package func makeKey(
        _ id: KeyMaterialID, of key: KeyARN, mayRemain: inout Bool
    ) throws(TokenFailure) {
        try withSession { token, _ throws(TokenFailure) in
            // It was made when the answer got lost. Besides, SoftHSM2 overlooks what another process made if it has not looked.
            if try token.hasKey(id: id.bytes, label: key.keyID.description) { return }
            mayRemain = true
            try token.makeKey(id: id.bytes, label: key.keyID.description)
            guard let refusal = pool.withLock({ $0.refusal }) else { return }
            // Nobody waits for it any more.
            mayRemain = try !token.destroyKeys(id: id.bytes, label: key.keyID.description)
            throw refusal
        }
    }

    /// Destroys the key of this generation of material.
    ///
    /// - Returns: Whether there was one.
    /// - Throws: ``TokenFailure``.
    package func destroyKey(_ id: KeyMaterialID) throws(TokenFailure) -> Bool {
        defer { pool.withLock { $0.keys[id] = nil } }
        return try withSession { token, _ throws(TokenFailure) in
            try token.destroyKeys(id: id.bytes, label: id.description)
        }
    }

    /// Random bytes of the token.
    ///
    /// - Throws: ``TokenFailure``.
    package func randomBytes(_ count: Int) throws(TokenFailure) -> SecretBytes {
        try withSession { token, _ throws(TokenFailure) in
            try unsafe SecretBytes(capacity: count) { buffer throws(TokenFailure) in
                try unsafe token.random(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
                return count
            }
        }
    }

    // MARK: Encryption

    func encrypt(
        _ plaintext: UnsafeRawBufferPointer, with material: MaterialRecord, nonce: [UInt8], binding: [UInt8]
    ) throws(TokenFailure) -> [UInt8] {
        try withKey(of: material) { token, key throws(TokenFailure) in
            try unsafe token.encrypt(plaintext, with: key, nonce: nonce, binding: binding)
        }
    }

    func decrypt(
        _ sealed: ArraySlice<UInt8>, with material: MaterialRecord, binding: [UInt8],
        into output: UnsafeMutableRawBufferPointer
    ) throws(TokenFailure) {
        try withKey(of: material) { token, key throws(TokenFailure) in
            try unsafe token.decrypt(sealed, with: key, binding: binding, into: output)
        }
    }

    private func withKey<Result>(
        of material: MaterialRecord, _ body: (Token, TokenKey) throws(TokenFailure) -> Result
    ) throws(TokenFailure) -> Result {
        try withSession { token, generation throws(TokenFailure) in
            let known = pool.withLock { $0.generation == generation ? $0.keys[material.id] : nil }
            if let known { return try body(token, known) }
            let key = try token.key(id: material.id.bytes, label: material.key.keyID.description)
            pool.withLock { pool in
                // Handles of before a reset may be those of other keys after it.
                guard pool.generation == generation else { return }
                if pool.keys.count >= Self.mostKeys { pool.keys = [:] }
                pool.keys[material.id] = key
            }
            return try body(token, key)
        }
    }

    // MARK: Sessions

    /// Lends a session; a token that was reset meanwhile is logged in to again, once.
    private func withSession<Result>(
        _ body: (Token, _ generation: Int) throws(TokenFailure) -> Result
    ) throws(TokenFailure) -> Result {
        let (token, generation) = try take()
        do throws(TokenFailure) {
            return try attempt(token, generation, body)
        } catch {
            guard error.endsSession else { throw error }
        }
        let (again, newGeneration) = try take()
        return try attempt(again, newGeneration, body)
    }

    private func attempt<Result>(
        _ token: Token, _ generation: Int, _ body: (Token, Int) throws(TokenFailure) -> Result
    ) throws(TokenFailure) -> Result {
        do throws(TokenFailure) {
            let result = try body(token, generation)
            giveBack(token, generation)
            return result
        } catch {
            switch error {
            case _ where error.endsSession: endSessions(of: generation)
            // An operation may still be under way in it, so that it would be good for no other.
            case .refused: break
            default: giveBack(token, generation)
            }
            throw error
        }
    }

    private func take() throws(TokenFailure) -> (Token, generation: Int) {
        let (idle, generation) = pool.withLock { ($0.idle.popLast(), $0.generation) }
        if let idle { return (idle.token, generation) }
        return (try open(), generation)
    }

    private func giveBack(_ token: Token, _ generation: Int) {
        let idle = Idle(token: token)
        pool.withLock { pool in
            if pool.generation == generation, pool.idle.count < Self.mostIdle { pool.idle.append(idle) }
        }
    }

    /// Lets go of all sessions: with the last of them ends the login.
    private func endSessions(of generation: Int) {
        let sessions = pool.withLock { pool -> [Idle] in
            guard pool.generation == generation else { return [] }
            defer { (pool.idle, pool.keys, pool.generation) = ([], [:], generation + 1) }
            return pool.idle
        }
        _ = sessions
    }

    private func open(isFirst: Bool = false) throws(TokenFailure) -> Token {
        let opened = loggingIn.withLock { _ -> Result<Idle, TokenFailure> in
            if let refusal = pool.withLock({ $0.refusal }) { return .failure(refusal) }
            do throws(TokenFailure) {
                let token = try unsafe Token(label, module: module, isWritable: true, isFirst: isFirst) { use in
                    unsafe pin.withBytes { unsafe use($0) }
                }
                return .success(Idle(token: token))
            } catch {
                if error.refusesLogin { pool.withLock { $0.refusal = error } }
                return .failure(error)
            }
        }
        return try opened.get().token
    }
}
