package import Foundation
import KMSCrypto
import KMSModel

/// What stands in the clear before the first piece of a backup: two lines, `chatelaine-backup 1` and an object.
///
/// It says what is needed to open the rest: the salt, the mark of the root key and, unless that is in a file of its own, the
/// seal's document. Each piece is bound to all of it.
package struct BackupHeader: Sendable, Equatable {
    private static let firstLine = Array("chatelaine-backup 1\n".utf8)
    /// The most bytes of both lines.
    static let largest = 64 << 10

    /// When the backup was made.
    package let date: String
    /// What the key of the backup is derived with.
    package let salt: [UInt8]
    /// The mark of the root key.
    package let check: [UInt8]
    /// The document of the seal that yields the root key; nil when that is in a file.
    package let seal: [UInt8]?

    /// The header of a backup that is made at `date`.
    package init(date: Date, salt: [UInt8], check: [UInt8], seal: [UInt8]?) {
        self.date = UTCTime(date).iso8601
        self.salt = salt
        self.check = check
        self.seal = seal
    }

    /// The header as it is in the file.
    package var bytes: [UInt8] {
        var members: [JSONObject.Member] = [
            .init(name: "date", value: .string(date)), .init(name: "salt", value: .string(Base64.encode(salt))),
            .init(name: "rootKeyCheck", value: .string(Base64.encode(check))),
        ]
        if let seal { members.append(.init(name: "seal", value: .string(Base64.encode(seal)))) }
        var writer = JSONWriter()
        writer.value(.object(JSONObject(members)))
        writer.lineFeed()
        return Self.firstLine + writer.bytes
    }

    /// Reads what ``bytes`` made, from the beginning of a file.
    ///
    /// - Returns: The header and how many bytes it has; nil for the beginning of anything else.
    package static func read(_ beginning: [UInt8]) -> (header: BackupHeader, count: Int)? {
        guard beginning.starts(with: firstLine),
            let end = beginning[firstLine.count...].prefix(largest).firstIndex(of: 0x0A),
            case .object(let object)? = try? JSONParser.parse(
                Array(beginning[firstLine.count..<end]), refusingDuplicates: true),
            let date = object.text("date"), let salt = object.text("salt").flatMap({ Base64.decode($0) }),
            salt.count == BackupCipher.saltByteCount,
            let check = object.text("rootKeyCheck").flatMap({ Base64.decode($0) })
        else { return nil }
        let seal = object.text("seal").flatMap { Base64.decode($0) }
        guard (object.text("seal") == nil) == (seal == nil) else { return nil }
        let header = BackupHeader(date: date, salt: salt, check: check, seal: seal)
        // Pieces are bound to these very bytes, so what this program would not have written is no header.
        guard header.bytes.elementsEqual(beginning[...end]) else { return nil }
        return (header, end + 1)
    }

    private init(date: String, salt: [UInt8], check: [UInt8], seal: [UInt8]?) {
        self.date = date
        self.salt = salt
        self.check = check
        self.seal = seal
    }
}

/// Why a backup cannot be made or read.
package enum BackupFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file does not begin as a backup does, or was written by a newer version.
    case notABackup
    /// The root key is not the one that the backup was made under.
    case wrongRootKey
    /// Something was changed, left out or added.
    case damaged
    case system(attempt: String, path: String, reason: String)
    case crypto

    package var description: String {
        switch self {
        case .notABackup: "the file is not a backup of this version"
        case .wrongRootKey: "the root key is not the one that the backup was made under"
        case .damaged: "the backup is damaged"
        case .system(let attempt, let path, let reason): "cannot \(attempt) \(path): \(reason)"
        case .crypto: "the system gives no memory for keys"
        }
    }
}
