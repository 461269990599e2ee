import Foundation

/// The files of a data directory that say how its root key is had.
package struct SealDirectory: Sendable {
    /// The key in a file.
    package static let rootKeyName = "root.key"
    /// The document of every other seal.
    package static let documentName = "seal.json"

    /// Where the root key's file is, or would be.
    package let rootKeyPath: String
    /// Where the document is, or would be.
    package let documentPath: String

    /// The seal of the data directory at `path`.
    package init(_ path: String) {
        let directory = URL(fileURLWithPath: path, isDirectory: true)
        rootKeyPath = directory.appendingPathComponent(Self.rootKeyName).path
        documentPath = directory.appendingPathComponent(Self.documentName).path
    }

    /// The root key in its file.
    package var fileSeal: FileSeal { FileSeal(path: rootKeyPath) }

    /// The document that says how the root key is sealed; nil for a file, and for a directory without a root key.
    ///
    /// A document counts, whatever else is there.
    ///
    /// - Throws: ``SealFailure`` for one that cannot be read.
    package func document() throws(SealFailure) -> SealDocument? {
        SealFile(path: documentPath).exists ? try SealDocument(at: documentPath) : nil
    }

    /// Makes `document` the one of this directory, durably, unless it is already; nil takes the present one away.
    ///
    /// For a directory whose document is a copy of one that is kept elsewhere. A root key's file stays.
    ///
    /// - Throws: ``SealFailure``.
    package func keep(_ document: SealDocument?) throws(SealFailure) {
        let file = SealFile(path: documentPath)
        guard let document else { return try file.destroy() }
        // What is there and cannot be read is replaced: it is no more than a copy.
        if let present = try? self.document(), present == document { return }
        try file.replace(with: document.bytes)
    }

    /// Whether there is a document or a root key's file.
    package var isSealed: Bool { SealFile(path: documentPath).exists || fileSeal.exists }

    /// The paths of what a process that was stopped on the way has left: nothing opens the key by it, but it may be in there.
    package var leftovers: [String] {
        let document = SealFile(path: documentPath)
        let replaced = document.exists && fileSeal.exists ? [fileSeal.file] : []
        return (replaced + fileSeal.file.unfinished + document.unfinished).map(\.path).sorted()
    }

    /// Makes `seal`, of this directory's document, the one that counts, and destroys what opened the key before.
    ///
    /// At each moment the seal of before or the new one opens the key, whether the process dies or the power fails. Only for
    /// who has the directory to itself.
    ///
    /// - Throws: ``SealFailure``; when both seals are there then, the new one counts, and this can be done again.
    package func move(_ key: RootKey, to seal: DocumentSeal) throws(SealFailure) {
        try seal.seal(key)
        guard try seal.open().isSame(as: key) else { throw .damaged(path: documentPath) }
        try fileSeal.file.destroy()
        try destroyUnfinished()
    }

    /// Makes the root key's file the one that counts, and destroys the document.
    ///
    /// As ``move(_:to:)``.
    package func moveToFile(_ key: RootKey) throws(SealFailure) {
        try fileSeal.seal(key)
        guard try fileSeal.open().isSame(as: key) else { throw .damaged(path: rootKeyPath) }
        try SealFile(path: documentPath).destroy()
        try destroyUnfinished()
    }

    /// What a process that was killed has left of a file that it wrote.
    private func destroyUnfinished() throws(SealFailure) {
        try SealFile(path: rootKeyPath).destroyUnfinished()
        try SealFile(path: documentPath).destroyUnfinished()
    }
}
