import KMSCrypto
import KMSModel

/// A place in the chain of the audit log: a record's number, and its code, which all records up to it went into.
package struct ChainLink: Sendable, Equatable {
    /// Records are numbered from 1; zero is what the first one is tied to.
    package let sequence: UInt64
    /// 32 bytes.
    package let code: [UInt8]

    package init(sequence: UInt64, code: [UInt8]) {
        self.sequence = sequence
        self.code = code
    }

    /// What the chain of a log begins with that has nothing older.
    package static let origin = ChainLink(
        sequence: 0, code: [UInt8](repeating: 0, count: AuditChain.codeByteCount))
}

/// A record of the audit log as its line is in the file, taken apart: the record, and its place in the chain.
///
/// The place is the last member of the record's object: `,"chatelaineChain":{"sequence":…,"mac":"…"}}`.
struct ChainedLine {
    private static let name: StaticString = #","chatelaineChain":{"sequence":"#
    private static let middle: StaticString = #","mac":""#
    private static let end: StaticString = #""}}"#
    /// The code in base64.
    private static let codeLength = 44
    /// What every reader of JSON takes exactly (RFC 8259, section 6), and what no log reaches.
    private static let lastSequence: UInt64 = 1 << 53 - 1
    private static let mostDigits = 16
    /// What stands behind the record is never longer.
    static let longestMember =
        name.utf8CodeUnitCount + mostDigits + middle.utf8CodeUnitCount + codeLength + end.utf8CodeUnitCount

    let link: ChainLink
    /// The record without its place in the chain, up to its last member: the closing brace is not in it.
    let record: ArraySlice<UInt8>

    /// The SHA-256 of the record as it was handed over.
    var digest: [UInt8] { Digest.sha256(Array(record) + [UInt8(ascii: "}")]) }

    /// Whether this is what was written behind `previous`: nobody without the key can make such a line.
    func fits(after previous: ChainLink, with chain: AuditChain) -> Bool {
        let sequence = link.sequence
        return sequence == previous.sequence + 1
            && chain.code(ofRecord: digest, sequence: sequence, after: previous.code) == link.code
    }

    /// Reads a line, which has no line feed at its end; nil for one that is not of a chain.
    ///
    /// It is read from the end: what a caller chose is in front of that, whatever it looks like.
    init?(_ line: ArraySlice<UInt8>) {
        var rest = line
        guard Self.drop(Self.end, from: &rest), rest.count > Self.codeLength else { return nil }
        let code = Base64.decode(String(decoding: rest.suffix(Self.codeLength), as: UTF8.self))
        rest = rest.dropLast(Self.codeLength)
        guard let code, code.count == AuditChain.codeByteCount, Self.drop(Self.middle, from: &rest) else { return nil }
        let digits = rest.suffix(Self.mostDigits).reversed().prefix { (0x30...0x39).contains($0) }.reversed()
        let number = String(decoding: digits, as: UTF8.self)
        rest = rest.dropLast(digits.count)
        // Only what would be written again is read: no zeros in front.
        guard let sequence = UInt64(number), (1...Self.lastSequence).contains(sequence), String(sequence) == number,
            Self.drop(Self.name, from: &rest), rest.count > 1
        else { return nil }
        link = ChainLink(sequence: sequence, code: code)
        record = rest
    }

    /// Appends a record to `output` as a line of the file.
    ///
    /// - Parameter record: An object that is not empty, without its closing brace.
    static func append(_ record: ArraySlice<UInt8>, at link: ChainLink, to output: inout ByteWriter) {
        output.append(record)
        output.append(name)
        output.append(String(link.sequence))
        output.append(middle)
        link.code.withUnsafeBytes { Base64.encode($0, to: &output) }
        output.append(end)
        output.append(0x0A)
    }

    private static func drop(_ suffix: StaticString, from line: inout ArraySlice<UInt8>) -> Bool {
        let isThere = suffix.withUTF8Buffer { line.suffix($0.count).elementsEqual($0) }
        if isThere { line = line.dropLast(suffix.utf8CodeUnitCount) }
        return isThere
    }
}

/// Records that are handed over together, ready to get their places in the chain.
struct UnchainedRecords {
    /// Each without its closing brace, and the SHA-256 of all of it.
    let records: [(record: ArraySlice<UInt8>, digest: [UInt8])]

    /// - Parameter lines: Objects of JSON, each with a line feed behind it.
    init(_ lines: [UInt8]) {
        records = lines.pieces(separatedBy: 0x0A).map { ($0.dropLast(), Digest.sha256($0)) }
    }

    var isEmpty: Bool { records.isEmpty }

    /// How long the lines of the file are at the most, in bytes.
    var greatestLength: Int { records.reduce(0) { $0 + $1.record.count + ChainedLine.longestMember + 1 } }

    /// Writes the lines of the file, each tied to the one before it.
    ///
    /// - Parameter head: Where the chain is; becomes where it is then.
    func write(linesTo output: inout ByteWriter, after head: inout ChainLink, with chain: AuditChain) {
        for (record, digest) in records {
            let sequence = head.sequence + 1
            head = ChainLink(
                sequence: sequence, code: chain.code(ofRecord: digest, sequence: sequence, after: head.code))
            ChainedLine.append(record, at: head, to: &output)
        }
    }
}
