import CPKCS11
import Glibc
import Synchronization

/// A PKCS#11 library, loaded and started.
///
/// It is never unloaded: some libraries leave threads and handlers behind that would then run into nothing.
///
/// `@unchecked Sendable`: the list of functions is not changed, and the library is told that several threads call it.
@safe final class Module: @unchecked Sendable {
    private typealias FunctionList =
        @convention(c) (
            UnsafeMutablePointer<UnsafeMutablePointer<ck_function_list>?>?
        ) -> ck_rv_t

    let functions: ck_function_list
    private let library: Library
    /// Whether this object has started the library, and not something else in the process.
    private let isStarter: Bool

    /// The library at a path, which is loaded and started if nobody uses it; ``release()`` ends the use.
    ///
    /// - Parameter path: An absolute path: the system's search for names is nobody's business here.
    /// - Throws: ``TokenFailure/notLoadable(module:reason:)``, ``TokenFailure/notAModule(_:)``,
    ///   ``TokenFailure/refused(function:code:)``.
    static func at(_ path: String) throws(TokenFailure) -> Module {
        let library = try Library.at(path)
        return try library.use.withLock { use throws(TokenFailure) in
            if let known = use {
                use = (known.module, known.count + 1)
                return known.module
            }
            let module = try Module(library, path: path)
            use = (module, 1)
            return module
        }
    }

    /// Ends one use; the last one ends the library, so that the next begins with the tokens that are there then.
    func release() {
        library.use.withLock { use in
            guard let known = use else { return }
            guard known.count == 1 else { return use = (known.module, known.count - 1) }
            use = nil
            if isStarter { _ = functions.C_Finalize?(nil) }
        }
    }

    private init(_ library: Library, path: String) throws(TokenFailure) {
        guard let symbol = unsafe dlsym(library.handle, "C_GetFunctionList") else { throw .notAModule(path) }
        let list = unsafe unsafeBitCast(symbol, to: FunctionList.self)
        var functions: UnsafeMutablePointer<ck_function_list>?
        guard unsafe list(&functions) == CKR_OK, let functions = unsafe functions,
            unsafe functions.pointee.version.major == CRYPTOKI_VERSION_MAJOR
        else { throw .notAModule(path) }
        self.library = library
        self.functions = unsafe functions.pointee
        isStarter = try Self.start(unsafe functions.pointee)
    }

    private static func start(_ functions: ck_function_list) throws(TokenFailure) -> Bool {
        var arguments = unsafe ck_c_initialize_args()
        unsafe arguments.flags = UInt(CKF_OS_LOCKING_OK)
        let code = unsafe functions.C_Initialize?(&arguments) ?? CKR_FUNCTION_NOT_SUPPORTED
        guard code != CKR_CRYPTOKI_ALREADY_INITIALIZED else { return false }
        guard code == CKR_OK else { throw .refused(function: "C_Initialize", code: code) }
        return true
    }

    /// Fails unless a function answered that all is well.
    static func check(_ function: StaticString, _ code: ck_rv_t?) throws(TokenFailure) {
        let code = code ?? CKR_FUNCTION_NOT_SUPPORTED
        guard code == CKR_OK else { throw .refused(function: "\(function)", code: code) }
    }

    /// The slot of the only token of this label, and what is known of the token.
    ///
    /// - Throws: ``TokenFailure/noToken(_:)``, ``TokenFailure/severalTokens(_:)``.
    func slot(ofToken label: String) throws(TokenFailure) -> (ck_slot_id_t, ck_token_info) {
        var found: [(ck_slot_id_t, ck_token_info)] = []
        for slot in try slots() {
            var info = ck_token_info()
            // A token that was taken out meanwhile, or is not set up, is not the one.
            guard unsafe functions.C_GetTokenInfo?(slot, &info) == CKR_OK,
                info.flags & UInt(CKF_TOKEN_INITIALIZED) != 0, Self.label(of: info) == Array(label.utf8)
            else { continue }
            found.append((slot, info))
        }
        guard let first = found.first else { throw .noToken(label) }
        guard found.count == 1 else { throw .severalTokens(label) }
        return first
    }

    private func slots() throws(TokenFailure) -> [ck_slot_id_t] {
        var count: UInt = 0
        try Self.check("C_GetSlotList", unsafe functions.C_GetSlotList?(1, nil, &count))
        // A token may have been put in meanwhile.
        var slots = [ck_slot_id_t](repeating: 0, count: Int(clamping: min(count, 4096)) + 8)
        count = UInt(slots.count)
        try Self.check("C_GetSlotList", unsafe functions.C_GetSlotList?(1, &slots, &count))
        return Array(slots.prefix(Int(clamping: count)))
    }

    /// The label of a token, which is padded with spaces.
    private static func label(of info: ck_token_info) -> [UInt8] {
        let padded = unsafe withUnsafeBytes(of: info.label) { unsafe Array($0) }
        let end = padded.lastIndex { $0 != UInt8(ascii: " ") && $0 != 0 } ?? -1
        return Array(padded[..<(end + 1)])
    }
}

/// A file that is loaded, by whatever path: whoever ends a PKCS#11 library ends it for everybody in the process.
///
/// `@unchecked Sendable`: the handle is only compared, and looked up in.
@safe private final class Library: @unchecked Sendable {
    let handle: UnsafeMutableRawPointer
    /// The library while it is in use, and by how many tokens.
    ///
    /// Starting and ending it may wait for a device: only who uses the same library waits for that.
    let use = Mutex<(module: Module, count: Int)?>(nil)

    private static let all = Mutex<[Library]>([])

    /// - Throws: ``TokenFailure/notLoadable(module:reason:)``.
    static func at(_ path: String) throws(TokenFailure) -> Library {
        guard path.hasPrefix("/") else {
            throw .notLoadable(module: path, reason: "its path must begin with /")
        }
        guard let handle = unsafe dlopen(path, RTLD_NOW | RTLD_LOCAL) else {
            let reason = unsafe dlerror().map { unsafe String(cString: $0) }
            throw .notLoadable(module: path, reason: reason ?? "the system does not say why")
        }
        let loaded = unsafe Library(handle)
        return all.withLock { all in
            // The same file has the same handle (dlopen(3)).
            if let known = all.first(where: { unsafe $0.handle == loaded.handle }) { return known }
            all.append(loaded)
            return loaded
        }
    }

    private init(_ handle: UnsafeMutableRawPointer) { unsafe self.handle = handle }
}
