import KMSModel

/// A share of a sealing key, for one person to keep.
///
/// Its text is one line, `chatelaine-share-1-<set>-<threshold>-<index>-<value>-<checksum>`, as `docs/formats.md` says.
package struct KeyShare: Sendable {
    private static let label = "chatelaine-share"
    private static let version = "1"
    private static let checksumByteCount = 4

    /// Why a text is no share.
    package enum Failure: Error, Equatable, Sendable, CustomStringConvertible {
        /// Not what this program writes, or with a letter that is wrong.
        case garbled
        case unknownVersion
        /// The system gave no guarded memory.
        case unavailable

        package var description: String {
            switch self {
            case .garbled: "that is not a share, or a letter of it is wrong"
            case .unknownVersion: "the share was made by a newer version"
            case .unavailable: "there is no guarded memory for the share"
            }
        }
    }

    let set: [UInt8]
    let threshold: Int
    /// Which of the set's shares it is, from 1 on.
    package let index: Int
    let value: GuardedBytes

    /// The name of the set that it belongs to: eight hex digits.
    package var setName: String { Hex.encode(set) }

    init(set: [UInt8], threshold: Int, index: Int, value: GuardedBytes) {
        self.set = set
        self.threshold = threshold
        self.index = index
        self.value = value
    }

    // MARK: Text

    /// Lends the text, without a line feed, for the duration of `body`; then it is zeroed.
    package func withText<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var text = Self.head(set: set, threshold: threshold, index: index)
        // Room for all of it, so that no growing leaves a copy behind.
        text.reserveCapacity(text.count + 2 * SealingKey.byteCount + 16)
        unsafe value.withBytes { unsafe Base32.encode($0, to: &text) }
        text.append(contentsOf: "-\(Self.checksum(of: text))".utf8)
        defer { text.wipe() }
        return unsafe text.withUnsafeBytes { unsafe body($0) }
    }

    /// The share of this text; capital letters and white space around it are what somebody typed or copied.
    ///
    /// - Throws: ``Failure``.
    package init(_ text: SealSecret) throws(Failure) {
        self = try unsafe text.withBytes { bytes throws(Failure) in
            var bytes = unsafe Array(bytes)
            defer { bytes.wipe() }
            for index in bytes.indices where (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(bytes[index]) {
                bytes[index] |= 0x20
            }
            let start = bytes.firstIndex { $0 > 0x20 } ?? bytes.endIndex
            let end = bytes.lastIndex { $0 > 0x20 }.map { $0 + 1 } ?? start
            return try unsafe bytes.withUnsafeBytes { bytes -> Swift.Result<KeyShare, Failure> in
                Swift.Result { () throws(Failure) in
                    try unsafe KeyShare(parsing: UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                }
            }.get()
        }
    }

    private init(parsing text: UnsafeRawBufferPointer) throws(Failure) {
        let parts = unsafe text.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard unsafe parts.count > 2, unsafe (parts[0] + [UInt8(ascii: "-")] + parts[1]).elementsEqual(Self.label.utf8)
        else { throw .garbled }
        guard unsafe parts[2].elementsEqual(Self.version.utf8) else { throw .unknownVersion }
        guard unsafe parts.count == 8,
            let set = unsafe Hex.decode(String(decoding: parts[3], as: UTF8.self)),
            set.count == ShareScheme.setByteCount,
            let threshold = unsafe UInt8(String(decoding: parts[4], as: UTF8.self)),
            let index = unsafe UInt8(String(decoding: parts[5], as: UTF8.self)), index > 0
        else { throw .garbled }
        var isValid = false
        do throws(CryptoFailure) {
            value = try unsafe GuardedBytes(count: SealingKey.byteCount) { output in
                isValid = unsafe Base32.decode(UnsafeRawBufferPointer(rebasing: parts[6]), into: output)
            }
        } catch {
            throw .unavailable
        }
        self.set = set
        self.threshold = Int(threshold)
        self.index = Int(index)
        // It must be what would be written again, sign for sign: so the checksum holds, and numbers have one form.
        guard isValid, unsafe withText({ unsafe $0.elementsEqual(text) }) else { throw .garbled }
    }

    private static func head(set: [UInt8], threshold: Int, index: Int) -> [UInt8] {
        Array("\(label)-\(version)-\(Hex.encode(set))-\(threshold)-\(index)-".utf8)
    }

    private static func checksum(of text: [UInt8]) -> String {
        Hex.encode(Array(Digest.sha256(text).prefix(checksumByteCount)))
    }
}
