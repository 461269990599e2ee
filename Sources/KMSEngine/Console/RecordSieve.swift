import KMSModel

/// Tells most records that are of no interest from the others by their bytes alone, which takes a small part of the time that
/// reading them as JSON does.
///
/// The log's own members have the form that `AuditRecord` gives them, without white space, and quotation marks in a text are
/// escaped: so what is looked for stands in each record that has it. A caller can bring it into others, by an encryption
/// context with such a name; whatever passes has to be looked at again.
struct RecordSieve: Sendable {
    private static let timeMark = BytePattern(#""eventTime":""#.utf8)
    private static let timeByteCount = "2026-01-01T00:00:00Z".utf8.count
    private static let serviceMarks = [#""eventType":"AwsServiceEvent""#, #""invokedBy":"AWS Internal""#]
        .map { BytePattern($0.utf8) }

    private let account: BytePattern
    private let places: [BytePattern]

    /// - Parameters:
    ///   - places: Members of which a record has to have one.
    init(account: AccountID, places: [(name: String, start: String)]) {
        self.account = BytePattern("\"recipientAccountId\":\"\(account)\"".utf8)
        self.places = places.map { BytePattern("\"\($0.name)\":\"\($0.start)".utf8) }
    }

    /// Whether the record can be the account's.
    func canBeOfAccount(_ line: ArraySlice<UInt8>) -> Bool { account.isFound(in: line) }

    /// Whether the record can be of one of the places.
    func canBeInPlace(_ line: ArraySlice<UInt8>) -> Bool { places.contains { $0.isFound(in: line) } }

    /// When it happened, as records tell times; nil for what does not tell it in this form.
    ///
    /// Nothing before the time in a record is a member of the caller's.
    static func time(of line: ArraySlice<UInt8>) -> String? {
        guard let start = timeMark.end(in: line), line.endIndex - start >= timeByteCount else { return nil }
        return String(decoding: line[start..<start + timeByteCount], as: UTF8.self)
    }

    /// Whether it can have happened by itself, and be dated when it was due.
    static func canBeServiceEvent(_ line: ArraySlice<UInt8>) -> Bool {
        serviceMarks.contains { $0.isFound(in: line) }
    }
}
