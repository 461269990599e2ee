import Foundation
import KMSCrypto
import KMSModel

/// The end of an audit log: the file that is written, and where the chain is.
struct AuditTail {
    /// Nil once the log is closed.
    private(set) var file: AuditFile?
    /// The last record.
    private(set) var head: ChainLink
    /// The day of the file's last record, in days since 1970; that of today when it has none.
    private var day: Int
    /// The number of the file's first record; zero when it has none.
    private var firstSequence: UInt64
    /// The size at which the file is closed, in bytes.
    private var sizeLimit: Int
    /// Whether nobody may write, because another file is being begun.
    private var isRotating = false
    /// Why the last sync failed; nothing more is taken until one works.
    var failure: AuditFailure?

    init(_ file: AuditFile, day: Int, firstSequence: UInt64, head: ChainLink, sizeLimit: Int) {
        self.file = file
        self.day = day
        self.firstSequence = firstSequence
        self.head = head
        self.sizeLimit = sizeLimit
    }

    /// Writes records behind the others.
    ///
    /// - Returns: False, with nothing written, while the file has to give way to another one first.
    /// - Throws: ``AuditFailure``: nothing is written, and the chain is where it was.
    mutating func append(
        _ records: UnchainedRecords, on today: Int, with chain: AuditChain
    ) throws(AuditFailure) -> Bool {
        if let failure { throw failure }
        guard let file else { throw .closed }
        guard !isRotating, !isFull(file, on: today) else { return false }
        var lines = ByteWriter(capacity: records.greatestLength)
        var newHead = head
        records.write(linesTo: &lines, after: &newHead, with: chain)
        try self.file?.write(lines)
        if firstSequence == 0 { firstSequence = head.sequence + 1 }
        head = newHead
        day = max(day, today)
        return true
    }

    // MARK: Rotation

    private func isFull(_ file: AuditFile, on today: Int) -> Bool {
        file.size > 0 && (today > day || file.size >= sizeLimit)
    }

    /// Keeps everybody from writing if the file has to give way to another one.
    ///
    /// - Returns: The file, and what it is to be called; nil when it need not give way.
    mutating func beginRotation(on today: Int) -> (file: AuditFile, closed: AuditFiles.Closed)? {
        guard let file, isFull(file, on: today) else { return nil }
        isRotating = true
        return (file, AuditFiles.Closed(day: day, firstSequence: firstSequence))
    }

    /// Keeps everybody from writing, because the file has to be replaced.
    ///
    /// - Returns: The file; nil when it is closed, or gives way to another one anyway.
    mutating func beginRepair() -> AuditFile? {
        guard let file, !isRotating else { return nil }
        isRotating = true
        return file
    }

    /// Keeps everybody from writing, because the file has to be left.
    ///
    /// - Returns: The file, and what it is to be called; its number is zero when it has no record.
    mutating func beginReplacement() -> (file: AuditFile, closed: AuditFiles.Closed)? {
        let closed = AuditFiles.Closed(day: day, firstSequence: firstSequence)
        return beginRepair().map { ($0, closed) }
    }

    /// Goes on in `file`, which has the same records.
    mutating func endRepair(in file: AuditFile) {
        self.file = file
        isRotating = false
    }

    /// Goes on in `file`, which is empty.
    mutating func endRotation(in file: AuditFile, on today: Int, sizeLimit: Int) {
        self.file = file
        (day, firstSequence, self.sizeLimit) = (today, 0, sizeLimit)
        isRotating = false
    }

    /// Goes on in the same file for as long again.
    mutating func endRotation(withoutChangeOn today: Int, growingBy growth: Int) {
        day = max(day, today)
        sizeLimit = (file?.size ?? 0) + growth
        isRotating = false
    }

    /// Lets go of the file.
    mutating func close() {
        file?.close()
        file = nil
    }
}
