/// An identifier that records write as its text, and that is read again by the same rules as anywhere else.
package protocol CodedAsText: LosslessStringConvertible, Codable {}

extension CodedAsText {
    /// Reads the text that ``encode(to:)`` wrote.
    ///
    /// - Throws: `DecodingError` for any other text.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Self(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not of the form of \(Self.self)")
        }
        self = value
    }

    /// Writes the identifier as a text.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
