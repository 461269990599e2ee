import KMSModel

/// The head of the call that came before on a connection.
///
/// A client sends nearly the same head with each of its calls. A line that is the one which stood in its place is not read
/// again: what it was taken for is known.
struct RememberedHead {
    /// The longest head that is remembered, in bytes without what is not kept: connections that nobody uses keep theirs.
    private static let longest = 2048
    /// The most fields of one that is remembered: each costs something beside its bytes.
    private static let mostFields = 32

    /// As it came, with what ends it, and the field that it is; nil for one that is another in each call, or that a connection
    /// has no reason to keep.
    private var lines: [(bytes: [UInt8], field: HeadField)?] = []

    /// The field that `bytes` begin with, which is the one at this place of its head.
    ///
    /// - Returns: It, and the length of its line with what ends it, in bytes; nil for what is no line, or not plain.
    mutating func field(_ place: Int, beginning bytes: UnsafeBufferPointer<UInt8>) -> (HeadField, length: Int)? {
        if place < lines.count, let line = lines[place], bytes.begins(with: line.bytes) {
            return (line.field, line.bytes.count)
        }
        guard let end = UnsafeRawBufferPointer(bytes).offset(of: UInt8(ascii: "\n")), end > 0,
            bytes[end - 1] == UInt8(ascii: "\r"),
            let field = HeadField(line: UnsafeBufferPointer(rebasing: bytes[..<(end - 1)]))
        else { return nil }
        let line = field.isKept ? (Array(bytes[...end]), field) : nil
        if place < lines.count { lines[place] = line } else { lines.append(line) }
        return (field, end + 1)
    }

    /// Takes note of the end of a head that has so many fields.
    mutating func end(after count: Int) {
        if lines.count > count { lines.removeSubrange(count...) }
        let length = lines.reduce(0) { $0 + ($1?.bytes.count ?? 0) }
        // With the room that they took.
        if length > Self.longest || count > Self.mostFields { lines = [] }
    }
}

/// A field of a head, as ``PlainCall`` takes it.
struct HeadField {
    let known: PlainField?
    /// In lower case.
    let name: String
    /// As received.
    let value: String
    /// What the value names, where the field says what is called.
    let operation: OperationName?

    /// - Parameter name: In any case.
    init(_ known: PlainField?, _ name: @autoclosure () -> String, _ value: String) {
        self.known = known
        self.name = known?.rawValue ?? name().foldingASCII
        self.value = value
        operation = known == .target ? PlainCall.operation(of: value) : nil
    }

    /// Nil for a line that others may read in another way.
    ///
    /// - Parameter line: Without what ends it.
    fileprivate init?(line: UnsafeBufferPointer<UInt8>) {
        guard let (name, value) = PlainField.parts(of: line) else { return nil }
        self.init(
            PlainField(name), String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
    }

    /// Whether a connection keeps it for the next call: not what proves who the client is.
    fileprivate var isKept: Bool { known != .authorization && known != .token }
}
