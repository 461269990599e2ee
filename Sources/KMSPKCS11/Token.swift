import CPKCS11

/// A session with one token, from its opening to its end.
///
/// It is used by one thread at a time, and its calls may wait for a device: never on an event loop.
@safe package final class Token {
    let label: String
    let module: Module
    let slot: ck_slot_id_t
    let session: ck_session_handle_t
    /// Whether the token shows and uses what is private only to who is logged in.
    private let wantsLogin: Bool

    /// Opens a session with the token of this label, and logs in where the token wants that.
    ///
    /// - Parameters:
    ///   - module: The absolute path of the library that speaks to it.
    ///   - isWritable: Whether a key is to be made.
    ///   - isFirst: Whether the PIN has to prove itself, though the program may be logged in: a token asks for it once only.
    ///   - pin: Lends the PIN; called once at the most, and not at all when the token needs none or has keys of its own to
    ///     type it on. A PIN is never tried twice.
    /// - Throws: ``TokenFailure``.
    package init(
        _ label: String, module path: String, isWritable: Bool = false, isFirst: Bool = false,
        pin: ((UnsafeRawBufferPointer) -> Void) throws(TokenFailure) -> Void
    ) throws(TokenFailure) {
        self.label = label
        let module = try Module.at(path)
        self.module = module
        let info: ck_token_info
        do throws(TokenFailure) {
            (slot, info) = try module.slot(ofToken: label)
            var session: ck_session_handle_t = 0
            let flags = UInt(CKF_SERIAL_SESSION) | (isWritable ? UInt(CKF_RW_SESSION) : 0)
            try Module.check("C_OpenSession", unsafe module.functions.C_OpenSession?(slot, flags, nil, nil, &session))
            self.session = session
            wantsLogin = info.flags & UInt(CKF_LOGIN_REQUIRED) != 0
        } catch {
            module.release()
            throw error
        }
        // From here on the object ends what it began, also when this fails.
        try unsafe logIn(info, isFirst, pin)
    }

    // The end of its last session logs an application out.
    deinit {
        _ = module.functions.C_CloseSession?(session)
        module.release()
    }

    private func logIn(
        _ info: ck_token_info, _ isFirst: Bool,
        _ pin: ((UnsafeRawBufferPointer) -> Void) throws(TokenFailure) -> Void
    ) throws(TokenFailure) {
        guard wantsLogin else { return }
        guard info.flags & UInt(CKF_USER_PIN_LOCKED) == 0 else { throw .pinLocked(token: label) }
        if isFirst { _ = module.functions.C_Logout?(session) }
        var code = CKR_FUNCTION_NOT_SUPPORTED
        if info.flags & UInt(CKF_PROTECTED_AUTHENTICATION_PATH) != 0 {
            code = module.functions.C_Login?(session, UInt(CKU_USER), nil, 0) ?? code
        } else {
            try unsafe pin { bytes in
                let address = unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)
                let text = unsafe address?.assumingMemoryBound(to: UInt8.self)
                code =
                    unsafe module.functions.C_Login?(session, UInt(CKU_USER), text, UInt(bytes.count)) ?? code
            }
        }
        switch code {
        case CKR_OK, CKR_USER_ALREADY_LOGGED_IN: return
        case CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE: throw .wrongPIN(token: label)
        case CKR_PIN_LOCKED: throw .pinLocked(token: label)
        default: throw .refused(function: "C_Login", code: code)
        }
    }

    /// Whether the session is still logged in, if the token wants that: a logout in one session is one in all.
    var isLoggedIn: Bool {
        guard wantsLogin else { return true }
        var info = ck_session_info()
        guard unsafe module.functions.C_GetSessionInfo?(session, &info) == CKR_OK else { return false }
        return [UInt(CKS_RO_USER_FUNCTIONS), UInt(CKS_RW_USER_FUNCTIONS)].contains(info.state)
    }

    // MARK: Objects

    /// The objects that have all of these attributes; more than two are as good as two.
    func objects(_ attributes: [Attribute]) throws(TokenFailure) -> [ck_object_handle_t] {
        try unsafe Attribute.withTemplate(attributes) { template, count throws(TokenFailure) in
            try Module.check(
                "C_FindObjectsInit", unsafe module.functions.C_FindObjectsInit?(session, template, count))
        }
        defer { _ = module.functions.C_FindObjectsFinal?(session) }
        var found = [ck_object_handle_t](repeating: 0, count: 2)
        var count: UInt = 0
        try Module.check("C_FindObjects", unsafe module.functions.C_FindObjects?(session, &found, 2, &count))
        return Array(found.prefix(Int(clamping: count)))
    }

    /// A flag of an object; nil when the token does not tell it.
    func flag(_ type: ck_attribute_type_t, of object: ck_object_handle_t) -> Bool? {
        var value: UInt8 = 0
        return unsafe read(type, of: object, into: &value, 1).map { _ in value != 0 }
    }

    /// A number that describes an object; nil when the token does not tell it.
    func number(_ type: ck_attribute_type_t, of object: ck_object_handle_t) -> UInt? {
        var value: UInt = 0
        return unsafe read(type, of: object, into: &value, MemoryLayout<UInt>.size).map { _ in value }
    }

    /// Reads a value of a known length.
    func read(
        _ type: ck_attribute_type_t, of object: ck_object_handle_t, into address: UnsafeMutableRawPointer, _ count: Int
    ) -> Void? {
        guard let length = unsafe try? length(type, of: object, into: address, count), length == count else {
            return nil
        }
        return ()
    }

    /// Reads a value that is not longer than there is room for; answers its length in bytes.
    ///
    /// - Throws: ``TokenFailure/refused(function:code:)``.
    func length(
        _ type: ck_attribute_type_t, of object: ck_object_handle_t, into address: UnsafeMutableRawPointer, _ count: Int
    ) throws(TokenFailure) -> Int {
        var attribute = unsafe ck_attribute(type: type, value: address, value_len: UInt(count))
        try Module.check(
            "C_GetAttributeValue", unsafe module.functions.C_GetAttributeValue?(session, object, &attribute, 1))
        return unsafe Int(clamping: attribute.value_len)
    }

    /// Whether the token has a mechanism for these uses.
    func has(_ mechanism: ck_mechanism_type_t, for uses: UInt) -> Bool {
        var info = ck_mechanism_info()
        guard unsafe module.functions.C_GetMechanismInfo?(slot, mechanism, &info) == CKR_OK else { return false }
        return info.flags & uses == uses
    }
}
