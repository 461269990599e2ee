import KMSModel

/// A root key in a file that only its owner may read.
///
/// The file is one line of text: `chatelaine-root-key`, the version, the key in base64 and the first eight hex digits of
/// the key's SHA-256, separated by single spaces. The checksum tells a damaged file from a wrong one; it is a hash of 32
/// random bytes and tells nothing about them.
package struct FileSeal: Seal {
    private static let label = "chatelaine-root-key"
    private static let version = "1"
    /// More than any version of the file will need.
    private static let largestFile = 1024

    let file: SealFile

    package var kind: SealKind { .file }

    /// The root key file at `path`, which need not exist yet.
    package init(path: String) { file = SealFile(path: path) }

    /// Whether there is a file.
    package var exists: Bool { file.exists }

    /// Makes a file with a new random root key, durably.
    ///
    /// - Throws: ``SealFailure``; an existing file is never touched.
    package func create(from randomness: any RandomSource = SystemRandomness()) throws(SealFailure) {
        try create(holding: RootKey.random(from: randomness))
    }

    /// Makes a file with `key`, durably.
    ///
    /// - Throws: ``SealFailure``; an existing file is never touched.
    package func create(holding key: RootKey) throws(SealFailure) {
        var line = Self.line(for: key)
        defer { line.wipe() }
        try file.create(line)
    }

    package func open() throws(SealFailure) -> RootKey {
        let (text, count) = try file.read(atMost: Self.largestFile)
        return try unsafe text.withBytes { bytes throws(SealFailure) in
            try unsafe parse(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
        }
    }

    package func seal(_ key: RootKey) throws(SealFailure) {
        var line = Self.line(for: key)
        defer { line.wipe() }
        try file.replace(with: line)
    }

    // MARK: Text

    private func parse(_ text: UnsafeRawBufferPointer) throws(SealFailure) -> RootKey {
        guard unsafe text.last == UInt8(ascii: "\n") else { throw .damaged(path: file.path) }
        let parts = unsafe text.dropLast().split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard unsafe parts.count >= 2, unsafe parts[0].elementsEqual(Self.label.utf8) else {
            throw .damaged(path: file.path)
        }
        guard unsafe parts[1].elementsEqual(Self.version.utf8) else { throw .unknownVersion(path: file.path) }
        guard unsafe parts.count == 4, let key = try unsafe decode(UnsafeRawBufferPointer(rebasing: parts[2])),
            unsafe parts[3].elementsEqual(Self.checksum(of: key).utf8)
        else { throw .damaged(path: file.path) }
        return key
    }

    /// The key that `base64` stands for; nil unless that is base64 of as many bytes as a root key has.
    private func decode(_ base64: UnsafeRawBufferPointer) throws(SealFailure) -> RootKey? {
        let base64 = unsafe base64.bindMemory(to: UInt8.self)
        guard unsafe Base64.decodedCount(of: base64) == RootKey.byteCount else { return nil }
        var isValid = false
        do throws(CryptoFailure) {
            let key = try unsafe RootKey { buffer in isValid = unsafe Base64.decode(base64, into: buffer) }
            return isValid ? key : nil
        } catch {
            throw .unavailable
        }
    }

    private static func line(for key: RootKey) -> [UInt8] {
        var line = Array("\(label) \(version) ".utf8)
        // Room for all of it, so that no growing leaves a copy behind.
        line.reserveCapacity(largestFile)
        unsafe key.withBytes { unsafe Base64.encode($0, to: &line) }
        line.append(contentsOf: " \(checksum(of: key))\n".utf8)
        return line
    }

    private static func checksum(of key: RootKey) -> String {
        unsafe key.withBytes { bytes in unsafe Hex.encode(Array(Digest.sha256(bytes).prefix(4))) }
    }
}
