/// What an operation of the query protocol answers, before it is XML.
package indirect enum QueryValue: Sendable, Equatable {
    case text(String)
    case list([QueryValue])
    case structure([Member])

    /// A name with its value.
    package struct Member: Sendable, Equatable {
        /// What it is called in the XML.
        package let name: String
        /// What it is.
        package let value: QueryValue

        package init(_ name: String, _ value: QueryValue) {
            self.name = name
            self.value = value
        }
    }

    /// A structure of these members, without those that have no value.
    package init(_ members: KeyValuePairs<String, QueryValue?>) {
        self = .structure(members.compactMap { name, value in value.map { Member(name, $0) } })
    }

    /// `true` or `false`.
    package static func flag(_ flag: Bool) -> Self { .text(flag ? "true" : "false") }

    /// A decimal number.
    package static func number(_ number: Int) -> Self { .text(String(number)) }

    /// A policy document, which stands percent-encoded in the XML (RFC 3986, a space as `%20`).
    static func document(_ text: String) -> Self {
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.append(byte)
            default:
                encoded.append(UInt8(ascii: "%"))
                encoded.append(hexDigits[Int(byte >> 4)])
                encoded.append(hexDigits[Int(byte & 15)])
            }
        }
        return .text(String(decoding: encoded, as: UTF8.self))
    }

    private static let hexDigits = Array("0123456789ABCDEF".utf8)
}
