import Foundation
import KMSCrypto
import Testing

extension SealSecret {
    /// The secret of this text.
    convenience init(_ text: String) throws { try self.init(copying: text.utf8) }

    /// What is read at the end of a pipe into which somebody wrote `bytes`.
    static func piped(
        _ bytes: [UInt8], _ read: (Int32) throws(SecretFailure) -> SealSecret
    ) throws(SecretFailure) -> SealSecret {
        let pipe = Pipe()
        pipe.fileHandleForWriting.write(Data(bytes))
        pipe.fileHandleForWriting.closeFile()
        return try read(pipe.fileHandleForReading.fileDescriptor)
    }
}

/// A seal by shares in a directory of its own, which is cheap to open.
struct SharedSeal {
    static let rootKey: [UInt8] = Array(0..<32)

    let files: SealDirectory
    let shares: [KeyShare]
    let seal: DocumentSeal

    init(in directory: URL, count: Int = 5, threshold: Int = 3, seed: UInt64 = 1) throws {
        files = SealDirectory(directory.path)
        let randomness = SeededRandomness(seed: seed)
        (seal, shares) = try DocumentSeal.make(
            at: files.documentPath, shares: count, threshold: threshold, randomness: randomness)
        try seal.seal(Sample.rootKey(bytes: Self.rootKey))
    }

    func open(_ indices: [Int]) throws(SealFailure) -> RootKey {
        try DocumentSeal(
            at: files.documentPath, with: .shares(indices.map { shares[$0 - 1] })
        ).open()
    }

    static func isRootKey(_ key: RootKey) throws -> Bool { key.isSame(as: try Sample.rootKey(bytes: rootKey)) }
}

extension KeyShare {
    var text: String { withText { String(decoding: $0, as: UTF8.self) } }
}

/// The names and contents of all files in a directory.
func contents(of directory: URL) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
    return try Dictionary(
        uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: directory.appendingPathComponent($0))) })
}
