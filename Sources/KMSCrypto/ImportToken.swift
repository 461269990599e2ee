import KMSModel

/// What `GetParametersForImport` hands out and `ImportKeyMaterial` brings back, version 1.
///
/// It is the wrapping key itself, sealed for nobody but this server and bound to the key that the material is for. So
/// nothing has to be stored for an import that may never come, any number of tokens may be out at a time, and any server
/// with the same root key takes them.
struct ImportToken {
    /// How long a token may be used, in milliseconds: 24 hours (KMS API Reference, GetParametersForImport).
    static let lifetime: Int64 = 24 * 60 * 60 * 1000

    let algorithm: WrappingAlgorithm
    /// When it was made, in milliseconds since 1970.
    let creation: Int64
    /// DER of an RSAPrivateKey, or of a PrivateKeyInfo for SM2.
    let wrappingKey: SecretBytes

    /// `field(algorithm) ‖ field(creation, 8 bytes) ‖ field(wrapping key)`.
    func encoded() -> SecretBytes {
        let time = unsafe withUnsafeBytes(of: creation.bigEndian) { unsafe Array($0) }
        let fields = [Array(algorithm.rawValue.utf8), time]
        let count = fields.reduce(4 + wrappingKey.count) { $0 + 4 + $1.count }
        return unsafe SecretBytes(capacity: count) { buffer in
            var position = 0
            func append(_ bytes: UnsafeRawBufferPointer) {
                for shift in [24, 16, 8, 0] {
                    unsafe buffer[position] = UInt8(truncatingIfNeeded: bytes.count >> shift)
                    position += 1
                }
                unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[position...]).copyMemory(from: bytes)
                position += bytes.count
            }
            for field in fields { unsafe field.withUnsafeBytes { unsafe append($0) } }
            unsafe wrappingKey.withBytes { unsafe append($0) }
            return position
        }
    }

    init(algorithm: WrappingAlgorithm, creation: Int64, wrappingKey: SecretBytes) {
        self.algorithm = algorithm
        self.creation = creation
        self.wrappingKey = wrappingKey
    }

    /// Reads what ``encoded()`` made; nil for anything else.
    init?(decoding bytes: UnsafeRawBufferPointer) {
        var rest = unsafe bytes[...]
        func field() -> Slice<UnsafeRawBufferPointer>? {
            guard unsafe rest.count >= 4 else { return nil }
            let count = unsafe rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard unsafe rest.count - 4 >= count else { return nil }
            defer { unsafe rest = rest.dropFirst(4 + count) }
            return unsafe rest.dropFirst(4).prefix(count)
        }
        guard let name = unsafe field(), let time = unsafe field(), let key = unsafe field(), unsafe rest.isEmpty,
            let algorithm = unsafe WrappingAlgorithm(rawValue: String(decoding: name, as: UTF8.self)),
            unsafe time.count == 8
        else { return nil }
        self.algorithm = algorithm
        creation = unsafe time.reduce(0) { $0 << 8 | Int64($1) }
        unsafe wrappingKey = SecretBytes(copying: key)
    }
}
