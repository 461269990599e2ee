/// What the proxy of an external key store calls a key: 1 to 128 letters, digits, `-`, `_` and `.`.
///
/// It stands in the path of requests, so `.` and `..` are none: they would be another path.
///
/// Source: API model, `XksKeyIdType`; AWS KMS External Key Store Proxy API Specification 1.0.2, `externalKeyId`.
package struct ExternalKeyID: Hashable, Sendable {
    /// The most characters that it has.
    private static let longest = 128

    /// The identifier as it is written.
    package let description: String

    /// Reads an identifier; nil for any other text.
    package init?(_ text: some StringProtocol) {
        guard (1...Self.longest).contains(text.utf8.count), text != ".", text != "..",
            text.utf8.allSatisfy(Self.isAdmitted)
        else { return nil }
        description = String(text)
    }

    private static func isAdmitted(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
