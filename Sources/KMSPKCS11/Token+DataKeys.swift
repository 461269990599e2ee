import CPKCS11

// Keys of AES that are made in a token, never leave it, and encrypt with additional data.

/// A key in a token, by its handle, which is good for all sessions of this program until the token is reset.
package struct TokenKey: Sendable {
    fileprivate let handle: ck_object_handle_t
}

extension Token {
    /// The tag of GCM, in bytes.
    package static let tagByteCount = 16
    private static let keyByteCount: UInt = 32

    /// Makes an AES key of 256 bits that encrypts and decrypts, is sensitive and can never be taken out.
    ///
    /// - Parameters:
    ///   - id: What it is found by (CKA_ID); there must be none like this.
    ///   - label: For people who look into the token.
    /// - Throws: ``TokenFailure``; then there may be one all the same, for what a device did may not be known.
    package func makeKey(id: [UInt8], label: String) throws(TokenFailure) {
        var mechanism = unsafe ck_mechanism(mechanism: CKM_AES_KEY_GEN, parameter: nil, parameter_len: 0)
        let attributes: [Attribute] = [
            Attribute(type: UInt(CKA_ID), value: id), .text(UInt(CKA_LABEL), label),
            .flag(UInt(CKA_TOKEN), true), .flag(UInt(CKA_PRIVATE), true), .flag(UInt(CKA_SENSITIVE), true),
            .flag(UInt(CKA_EXTRACTABLE), false), .flag(UInt(CKA_ENCRYPT), true), .flag(UInt(CKA_DECRYPT), true),
            .flag(UInt(CKA_WRAP), false), .flag(UInt(CKA_UNWRAP), false),
            .number(UInt(CKA_VALUE_LEN), Self.keyByteCount),
        ]
        var handle: ck_object_handle_t = 0
        try unsafe Attribute.withTemplate(attributes) { template, count throws(TokenFailure) in
            try Module.check(
                "C_GenerateKey", unsafe module.functions.C_GenerateKey?(session, &mechanism, template, count, &handle))
        }
        do throws(TokenFailure) {
            try checkStays(handle, label)
        } catch {
            try destroy(handle)
            throw error
        }
    }

    /// Fails unless the token says that a key can never leave it: some take a template and make something else of it.
    private func checkStays(_ handle: ck_object_handle_t, _ label: String) throws(TokenFailure) {
        guard flag(UInt(CKA_EXTRACTABLE), of: handle) == false, flag(UInt(CKA_SENSITIVE), of: handle) == true else {
            throw .unfit(key: label, reason: "was made in a way that it could leave the token")
        }
    }

    /// The key that was made with `id`.
    ///
    /// - Throws: ``TokenFailure/noKey(_:token:)``, ``TokenFailure/severalKeys(_:token:)``.
    package func key(id: [UInt8], label: String) throws(TokenFailure) -> TokenKey {
        let found = try keys(id: id)
        guard let handle = found.first else { throw .noKey(label, token: self.label) }
        guard found.count == 1 else { throw .severalKeys(label, token: self.label) }
        return TokenKey(handle: handle)
    }

    /// Whether there is a key that was made with `id`, and can never leave the token.
    ///
    /// - Throws: ``TokenFailure``, also when there are several, or one that may leave the token.
    package func hasKey(id: [UInt8], label: String) throws(TokenFailure) -> Bool {
        do throws(TokenFailure) {
            try checkStays(try key(id: id, label: label).handle, label)
            return true
        } catch .noKey {
            return false
        }
    }

    /// At most two of the keys that were made with `id`; there are none for certain when none are shown.
    private func keys(id: [UInt8]) throws(TokenFailure) -> [ck_object_handle_t] {
        let found = try shownKeys(id: id)
        guard found.isEmpty else { return found }
        // Nobody finds what is private who is not logged in any more, as whoever opens another connection may see to.
        guard isLoggedIn else { throw .refused(function: "C_FindObjects", code: CKR_USER_NOT_LOGGED_IN) }
        return try shownKeys(id: id)
    }

    private func shownKeys(id: [UInt8]) throws(TokenFailure) -> [ck_object_handle_t] {
        try objects([
            Attribute(type: UInt(CKA_ID), value: id), .number(UInt(CKA_CLASS), CKO_SECRET_KEY),
            .number(UInt(CKA_KEY_TYPE), CKK_AES),
        ])
    }

    /// Destroys all keys that were made with `id`.
    ///
    /// - Returns: Whether there was one.
    /// - Throws: ``TokenFailure/refused(function:code:)``, and ``TokenFailure/unfit(key:reason:)`` when there is
    ///   always another, or something else is found.
    package func destroyKeys(id: [UInt8], label: String) throws(TokenFailure) -> Bool {
        var found = try keys(id: id)
        guard !found.isEmpty else { return false }
        for _ in 0..<Self.mostRounds where !found.isEmpty {
            for handle in found {
                // Another key would be gone for ever, if a module did not search as it was asked.
                guard try isMade(handle, with: id) else {
                    throw .unfit(key: label, reason: "is not what was looked for")
                }
                try destroy(handle)
            }
            found = try shownKeys(id: id)
        }
        guard found.isEmpty else { throw .unfit(key: label, reason: "is there again after it is destroyed") }
        return true
    }

    private func isMade(_ handle: ck_object_handle_t, with id: [UInt8]) throws(TokenFailure) -> Bool {
        var value = [UInt8](repeating: 0, count: id.count)
        return try unsafe length(UInt(CKA_ID), of: handle, into: &value, value.count) == id.count && value == id
    }

    /// How often keys are destroyed before there can be no more of them.
    private static let mostRounds = 8

    private func destroy(_ handle: ck_object_handle_t) throws(TokenFailure) {
        try Module.check("C_DestroyObject", module.functions.C_DestroyObject?(session, handle))
    }

    /// Fills `output` with what the token has of random bytes.
    ///
    /// - Throws: ``TokenFailure/refused(function:code:)``.
    package func random(into output: UnsafeMutableRawBufferPointer) throws(TokenFailure) {
        let place = unsafe output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        try Module.check(
            "C_GenerateRandom", unsafe module.functions.C_GenerateRandom?(session, place, UInt(output.count)))
    }

    // MARK: AES-GCM

    /// Encrypts by AES-GCM: the nonce, the ciphertext and the tag of 16 bytes.
    ///
    /// - Parameter nonce: 12 random bytes; a token that makes its own puts them in their place.
    /// - Throws: ``TokenFailure/refused(function:code:)``.
    package func encrypt(
        _ plaintext: UnsafeRawBufferPointer, with key: TokenKey, nonce: [UInt8], binding additionalData: [UInt8]
    ) throws(TokenFailure) -> [UInt8] {
        var (nonce, output) = (nonce, [UInt8](repeating: 0, count: plaintext.count + Self.tagByteCount))
        var count = UInt(output.count)
        let input = unsafe UnsafeMutablePointer(mutating: plaintext.baseAddress?.assumingMemoryBound(to: UInt8.self))
        try unsafe Self.withGCM(&nonce, additionalData) { mechanism throws(TokenFailure) in
            try Module.check(
                "C_EncryptInit", unsafe module.functions.C_EncryptInit?(session, mechanism, key.handle))
            try Module.check(
                "C_Encrypt", unsafe module.functions.C_Encrypt?(session, input, UInt(plaintext.count), &output, &count))
        }
        guard count == UInt(output.count) else { throw .refused(function: "C_Encrypt", code: CKR_DATA_LEN_RANGE) }
        return nonce + output
    }

    /// Opens what ``encrypt(_:with:nonce:binding:)`` made, into `output`, which has as many bytes as the plaintext.
    ///
    /// - Throws: ``TokenFailure/notOpened(key:code:)`` when the token does not take it for genuine; ``TokenFailure/refused(function:code:)``.
    package func decrypt(
        _ sealed: ArraySlice<UInt8>, with key: TokenKey, binding additionalData: [UInt8],
        into output: UnsafeMutableRawBufferPointer
    ) throws(TokenFailure) {
        precondition(output.count == sealed.count - Self.nonceByteCount - Self.tagByteCount)
        var nonce = Array(sealed.prefix(Self.nonceByteCount))
        var input = Array(sealed.dropFirst(Self.nonceByteCount))
        // Some tokens want room for as much as they are given, whatever comes out.
        try unsafe Self.withWipedBytes(input.count) { room throws(TokenFailure) in
            var count = UInt(room.count)
            let place = unsafe room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            try unsafe Self.withGCM(&nonce, additionalData) { mechanism throws(TokenFailure) in
                try Module.check(
                    "C_DecryptInit", unsafe module.functions.C_DecryptInit?(session, mechanism, key.handle))
                let code = unsafe module.functions.C_Decrypt?(session, &input, UInt(input.count), place, &count)
                guard code != CKR_OK else { return }
                try refuse(code ?? CKR_FUNCTION_NOT_SUPPORTED, with: key)
            }
            guard count == UInt(output.count) else {
                throw .notOpened(key: "", code: CKR_ENCRYPTED_DATA_LEN_RANGE)
            }
            unsafe output.copyMemory(from: UnsafeRawBufferPointer(rebasing: room[..<output.count]))
        }
    }

    /// Says what a decryption failed with.
    ///
    /// Tokens have many words for a tag that is wrong, some of them those for a device that is broken. Where it could be either,
    /// the key is tried on something that is genuine: whoever sends false ciphertexts must not make others lose their sessions,
    /// and nobody may take his data for damaged because a device is.
    private func refuse(_ code: ck_rv_t, with key: TokenKey) throws(TokenFailure) {
        let isOfData = [CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE, Self.aeadDecryptFailed].contains(code)
        guard isOfData || Self.ambiguous.contains(code) && canUse(key) else {
            throw .refused(function: "C_Decrypt", code: code)
        }
        throw .notOpened(key: "", code: code)
    }

    /// CKR_AEAD_DECRYPT_FAILED of PKCS#11 3.0.
    private static let aeadDecryptFailed: ck_rv_t = 0x42
    private static let ambiguous: [ck_rv_t] = [
        CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR, CKR_DATA_INVALID,
    ]

    /// Whether the key encrypts something and decrypts it again.
    private func canUse(_ key: TokenKey) -> Bool {
        let nonce = (0..<Self.nonceByteCount).map { _ in UInt8.random(in: 0...255) }
        let text: [UInt8] = [0]
        return unsafe text.withUnsafeBytes { text in
            guard let sealed = try? unsafe encrypt(text, with: key, nonce: nonce, binding: []) else { return false }
            var (nonce, input, output) = (
                Array(sealed.prefix(Self.nonceByteCount)), Array(sealed.dropFirst(Self.nonceByteCount)),
                [UInt8](repeating: 1, count: 64)
            )
            var count = UInt(output.count)
            let isOpened = try? unsafe Self.withGCM(&nonce, []) { mechanism throws(TokenFailure) in
                try Module.check(
                    "C_DecryptInit", unsafe module.functions.C_DecryptInit?(session, mechanism, key.handle))
                try Module.check(
                    "C_Decrypt", unsafe module.functions.C_Decrypt?(session, &input, UInt(input.count), &output, &count)
                )
                return true
            }
            return isOpened == true && count == 1 && output[0] == 0
        }
    }

    /// Lends AES-GCM with its parameters for the duration of `body`.
    private static func withGCM<Result>(
        _ nonce: inout [UInt8], _ additionalData: [UInt8],
        _ body: (UnsafeMutablePointer<ck_mechanism>) throws(TokenFailure) -> Result
    ) throws(TokenFailure) -> Result {
        var additionalData = additionalData
        let outcome: Swift.Result<Result, TokenFailure> = unsafe nonce.withUnsafeMutableBufferPointer { nonce in
            unsafe additionalData.withUnsafeMutableBufferPointer { additionalData in
                var parameters = unsafe ck_gcm_params()
                unsafe parameters.iv_ptr = nonce.baseAddress
                unsafe parameters.iv_len = UInt(nonce.count)
                unsafe parameters.iv_bits = UInt(8 * nonce.count)
                unsafe parameters.aad_ptr = additionalData.baseAddress
                unsafe parameters.aad_len = UInt(additionalData.count)
                unsafe parameters.tag_bits = UInt(8 * tagByteCount)
                return Swift.Result { () throws(TokenFailure) in
                    try unsafe withUnsafeMutablePointer(to: &parameters) { parameters throws(TokenFailure) in
                        var mechanism = unsafe ck_mechanism(
                            mechanism: CKM_AES_GCM, parameter: parameters,
                            parameter_len: UInt(MemoryLayout<ck_gcm_params>.size))
                        return try unsafe body(&mechanism)
                    }
                }
            }
        }
        return try outcome.get()
    }
}

extension TokenFailure {
    /// Whether the token does not take what it is logged in to with: to try that again may lock it.
    package var refusesLogin: Bool {
        switch self {
        case .wrongPIN, .pinLocked, .pinNeeded: true
        case .refused("C_Login", _): !endsSession
        default: false
        }
    }

    /// Whether the session, its login or the token itself went away, so that a new session may do.
    package var endsSession: Bool {
        guard case .refused(_, let code) = self else { return false }
        return [
            CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_USER_NOT_LOGGED_IN, CKR_TOKEN_NOT_PRESENT,
            CKR_TOKEN_NOT_RECOGNIZED, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED,
            CKR_CRYPTOKI_NOT_INITIALIZED, CKR_KEY_HANDLE_INVALID, CKR_OBJECT_HANDLE_INVALID, CKR_SLOT_ID_INVALID,
        ].contains(code)
    }
}
