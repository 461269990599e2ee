extension UInt8 {
    /// Whether the byte may stand in a service's name or domain label: a letter, a digit or a hyphen.
    var isASCIILabel: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension String {
    /// Lends the UTF-8 bytes for the duration of `body`, which must not keep the pointer.
    ///
    /// Only a text that came from Objective-C is copied for that.
    func withUTF8Lent<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        utf8.withContiguousStorageIfAvailable(body) ?? Array(utf8).withUnsafeBufferPointer(body)
    }
}
