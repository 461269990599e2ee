import KMSModel

/// The head of the call that came before on a connection.
///
/// A client sends nearly the same head with each of its calls. A line that is the one which stood in its place is not read
/// again: what it was taken for is known.
struct RememberedHead {
    /// As they came, with what ends them.
    private var received: [[UInt8]] = []
    private var fields: [HeadField] = []

    /// The field that `bytes` begin with, which is the one at this place of its head.
    ///
    /// - Returns: It, and the length of its line with what ends it, in bytes; nil for what is no line, or not plain.
    mutating func field(_ place: Int, beginning bytes: UnsafeBufferPointer<UInt8>) -> (HeadField, length: Int)? {
        if place < received.count, bytes.begins(with: received[place]) { return (fields[place], received[place].count) }
        guard let end = UnsafeRawBufferPointer(bytes).offset(of: UInt8(ascii: "\n")), end > 0,
            bytes[end - 1] == UInt8(ascii: "\r"),
            let field = HeadField(line: UnsafeBufferPointer(rebasing: bytes[..<(end - 1)]))
        else { return nil }
        if place == received.count {
            received.append([])
            fields.append(field)
        }
        received[place].removeAll(keepingCapacity: true)
        received[place].append(contentsOf: UnsafeBufferPointer(rebasing: bytes[...end]))
        fields[place] = field
        return (field, end + 1)
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
}
