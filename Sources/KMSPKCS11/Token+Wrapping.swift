import CPKCS11
import Glibc

extension Token {
    /// How many bytes are wrapped.
    package static let secretByteCount = 32
    /// The nonce of GCM, in bytes.
    package static let nonceByteCount = 12
    /// Room for what a token makes of a secret: an RSA modulus of 8192 bits.
    private static let mostWrapped = 1024

    /// Wraps a secret of 32 bytes by the first mechanism that the token can do, and can undo.
    ///
    /// - Parameters:
    ///   - nonce: 12 random bytes.
    ///   - mechanisms: What is tried, of what fits the key.
    /// - Throws: ``TokenFailure/noMechanism(key:)``, or what the last mechanism failed with.
    package func wrap(
        _ secret: UnsafeRawBufferPointer, with key: WrappingKey, nonce: [UInt8],
        mechanisms: Set<TokenMechanism> = Set(TokenMechanism.allCases)
    ) throws(TokenFailure) -> (mechanism: TokenMechanism, wrapped: [UInt8]) {
        var reason = TokenFailure.noMechanism(key: key.label)
        for mechanism in TokenMechanism.candidates(for: key.handles) where has(mechanism.type, for: mechanism.uses) {
            guard mechanisms.contains(mechanism), allows(mechanism, key.handles) else { continue }
            do throws(TokenFailure) {
                let wrapped = try unsafe wrap(secret, with: key, by: mechanism, nonce: nonce)
                // Tokens list mechanisms whose parameters they then refuse, some only when they open.
                guard try unsafe opens(wrapped, to: secret, with: key, by: mechanism) else { continue }
                return (mechanism, wrapped)
            } catch {
                reason = error
            }
        }
        throw reason
    }

    /// Opens what ``wrap(_:with:nonce:)`` made, into the 32 bytes of `output`.
    ///
    /// - Throws: ``TokenFailure/notOpened(key:code:)`` when it was changed, or wrapped by another key.
    package func unwrap(
        _ wrapped: [UInt8], with key: WrappingKey, by mechanism: TokenMechanism,
        into output: UnsafeMutableRawBufferPointer
    ) throws(TokenFailure) {
        precondition(output.count == Self.secretByteCount, "a secret is 32 bytes")
        guard TokenMechanism.candidates(for: key.handles).contains(mechanism) else {
            throw .unfit(key: key.label, reason: "is not of the kind that the document names")
        }
        guard wrapped.count == mechanism.wrappedByteCount ?? wrapped.count else {
            throw .notOpened(key: key.label, code: CKR_ENCRYPTED_DATA_LEN_RANGE)
        }
        switch key.handles {
        case .aes(let handle) where mechanism.wrapsKeys:
            try unsafe unwrapKey(wrapped, with: handle, key.label, by: mechanism, into: output)
        case .aes(let handle), .rsa(_, let handle):
            try unsafe decrypt(wrapped, with: handle, key.label, by: mechanism, into: output)
        }
    }

    /// Whether the key may be used so; some may only wrap.
    private func allows(_ mechanism: TokenMechanism, _ handles: WrappingKey.Handles) -> Bool {
        let (forth, back) = mechanism.wrapsKeys ? (CKA_WRAP, CKA_UNWRAP) : (CKA_ENCRYPT, CKA_DECRYPT)
        switch handles {
        case .aes(let key): return flag(UInt(forth), of: key) == true && flag(UInt(back), of: key) == true
        case .rsa(let publicKey, let privateKey):
            return flag(UInt(forth), of: publicKey) == true && flag(UInt(back), of: privateKey) == true
        }
    }

    private func wrap(
        _ secret: UnsafeRawBufferPointer, with key: WrappingKey, by mechanism: TokenMechanism, nonce: [UInt8]
    ) throws(TokenFailure) -> [UInt8] {
        switch key.handles {
        case .aes(let handle) where mechanism.wrapsKeys:
            return try unsafe wrapKey(secret, with: handle, by: mechanism)
        case .aes(let handle), .rsa(let handle, _):
            return try unsafe encrypt(secret, with: handle, by: mechanism, nonce: nonce)
        }
    }

    private func opens(
        _ wrapped: [UInt8], to secret: UnsafeRawBufferPointer, with key: WrappingKey, by mechanism: TokenMechanism
    ) throws(TokenFailure) -> Bool {
        try unsafe Self.withWipedBytes(Self.secretByteCount) { opened throws(TokenFailure) in
            try unsafe unwrap(wrapped, with: key, by: mechanism, into: opened)
            return unsafe secret.elementsEqual(opened)
        }
    }

    // MARK: Encryption

    private func encrypt(
        _ secret: UnsafeRawBufferPointer, with key: ck_object_handle_t, by mechanism: TokenMechanism, nonce: [UInt8]
    ) throws(TokenFailure) -> [UInt8] {
        var nonce = nonce
        var output = [UInt8](repeating: 0, count: Self.mostWrapped)
        var count = UInt(output.count)
        let input = unsafe UnsafeMutablePointer(
            mutating: secret.baseAddress?.assumingMemoryBound(to: UInt8.self))
        try unsafe mechanism.withMechanism(nonce: &nonce) { parameters throws(TokenFailure) in
            try Module.check("C_EncryptInit", unsafe module.functions.C_EncryptInit?(session, parameters, key))
            try Module.check(
                "C_Encrypt",
                unsafe module.functions.C_Encrypt?(session, input, UInt(secret.count), &output, &count))
        }
        let wrapped = Array(output.prefix(Int(clamping: count)))
        return mechanism == .aesGCM ? nonce + wrapped : wrapped
    }

    private func decrypt(
        _ wrapped: [UInt8], with key: ck_object_handle_t, _ label: String, by mechanism: TokenMechanism,
        into output: UnsafeMutableRawBufferPointer
    ) throws(TokenFailure) {
        var nonce = mechanism == .aesGCM ? Array(wrapped.prefix(Self.nonceByteCount)) : []
        var input = Array(wrapped.dropFirst(nonce.count))
        // Some tokens want room for as much as they are given, whatever comes out.
        try unsafe Self.withWipedBytes(Self.mostWrapped) { room throws(TokenFailure) in
            var count = UInt(room.count)
            let place = unsafe room.baseAddress?.assumingMemoryBound(to: UInt8.self)
            try unsafe mechanism.withMechanism(nonce: &nonce) { parameters throws(TokenFailure) in
                try Module.check("C_DecryptInit", unsafe module.functions.C_DecryptInit?(session, parameters, key))
                let code = unsafe module.functions.C_Decrypt?(session, &input, UInt(input.count), place, &count)
                guard code == CKR_OK, count == UInt(Self.secretByteCount) else {
                    throw .notOpened(key: label, code: code ?? CKR_FUNCTION_NOT_SUPPORTED)
                }
            }
            unsafe output.copyMemory(from: UnsafeRawBufferPointer(rebasing: room[..<Self.secretByteCount]))
        }
    }

    // MARK: Key wrapping

    /// What a secret is while the token has it as an object, which ends with the session.
    private static let secretObject: [Attribute] = [
        .number(UInt(CKA_CLASS), CKO_SECRET_KEY), .number(UInt(CKA_KEY_TYPE), CKK_AES), .flag(UInt(CKA_TOKEN), false),
        .flag(UInt(CKA_SENSITIVE), false), .flag(UInt(CKA_EXTRACTABLE), true),
    ]

    private func wrapKey(
        _ secret: UnsafeRawBufferPointer, with key: ck_object_handle_t, by mechanism: TokenMechanism
    ) throws(TokenFailure) -> [UInt8] {
        var bytes = unsafe Array(secret)
        defer { unsafe bytes.withUnsafeMutableBytes { unsafe Self.zero($0) } }
        var object: ck_object_handle_t = 0
        let attributes = Self.secretObject + [Attribute(type: UInt(CKA_VALUE), value: bytes)]
        try unsafe Attribute.withTemplate(attributes) { template, count throws(TokenFailure) in
            try Module.check(
                "C_CreateObject", unsafe module.functions.C_CreateObject?(session, template, count, &object))
        }
        defer { _ = module.functions.C_DestroyObject?(session, object) }
        var output = [UInt8](repeating: 0, count: Self.mostWrapped)
        var count = UInt(output.count)
        var nonce: [UInt8] = []
        try unsafe mechanism.withMechanism(nonce: &nonce) { parameters throws(TokenFailure) in
            try Module.check(
                "C_WrapKey", unsafe module.functions.C_WrapKey?(session, parameters, key, object, &output, &count))
        }
        return Array(output.prefix(Int(clamping: count)))
    }

    private func unwrapKey(
        _ wrapped: [UInt8], with key: ck_object_handle_t, _ label: String, by mechanism: TokenMechanism,
        into output: UnsafeMutableRawBufferPointer
    ) throws(TokenFailure) {
        var (input, nonce, object) = (wrapped, [UInt8](), ck_object_handle_t(0))
        try unsafe Attribute.withTemplate(Self.secretObject) { template, count throws(TokenFailure) in
            try unsafe mechanism.withMechanism(nonce: &nonce) { parameters throws(TokenFailure) in
                let code = unsafe module.functions.C_UnwrapKey?(
                    session, parameters, key, &input, UInt(input.count), template, count, &object)
                guard code == CKR_OK else {
                    throw .notOpened(key: label, code: code ?? CKR_FUNCTION_NOT_SUPPORTED)
                }
            }
        }
        defer { _ = module.functions.C_DestroyObject?(session, object) }
        guard let address = output.baseAddress,
            unsafe read(UInt(CKA_VALUE), of: object, into: address, output.count) != nil
        else { throw .notOpened(key: label, code: CKR_ATTRIBUTE_SENSITIVE) }
    }

    /// Lends memory that is zeroed afterwards.
    static func withWipedBytes<Result>(
        _ count: Int, _ body: (UnsafeMutableRawBufferPointer) throws(TokenFailure) -> Result
    ) throws(TokenFailure) -> Result {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer {
            unsafe zero(memory)
            unsafe memory.deallocate()
        }
        return try unsafe body(memory)
    }

    private static func zero(_ memory: UnsafeMutableRawBufferPointer) {
        guard let address = memory.baseAddress else { return }
        unsafe explicit_bzero(address, memory.count)
    }
}
