// Names that customers choose are compared without regard to the case of ASCII letters. Letters of other alphabets are what
// they are: Unicode's folding makes a K of the Kelvin sign, which is another name.

extension UInt8 {
    /// The lower-case form of an ASCII capital letter, and any other byte as it is.
    package var asciiLowercased: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self
    }
}

extension String {
    /// The text with its ASCII letters in lower case.
    package var foldingASCII: String { String(decoding: foldedBytes, as: UTF8.self) }

    /// The same as bytes: what tells it from other texts, of which Swift takes some for equal that are not.
    package var foldedBytes: [UInt8] { utf8.map(\.asciiLowercased) }

    /// Whether the text with its ASCII letters in lower case is `folded`, byte for byte.
    ///
    /// Allocates nothing.
    package func isSame(asFolded folded: String) -> Bool {
        guard utf8.count == folded.utf8.count else { return false }
        let answer = utf8.withContiguousStorageIfAvailable { bytes in
            folded.utf8.withContiguousStorageIfAvailable { folded in
                bytes.indices.allSatisfy { bytes[$0].asciiLowercased == folded[$0] }
            }
        }
        return (answer ?? nil) ?? zip(utf8, folded.utf8).allSatisfy { $0.asciiLowercased == $1 }
    }
}
