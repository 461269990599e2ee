package import KMSCrypto
import KMSModel

/// What a form brings back: the secret of its session, a mark of whose session that is, and a number of its page.
///
/// Without the secret nothing is done. By the mark a form is known again whose session has ended, and by the number one that
/// was sent twice.
package struct FormToken: Sendable {
    private static let (secretLength, markLength, numberLength) = (64, 16, 16)

    /// The secret and the mark.
    package let session: String
    /// Whose session it was: ``mark(of:)``.
    package let mark: String

    /// Takes apart what a form has brought back; nil for what no form has.
    package init?(_ text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isHexadecimal = parts.allSatisfy {
            $0.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        }
        guard parts.count == 2, isHexadecimal, parts[0].count == Self.secretLength + Self.markLength,
            parts[1].count == Self.numberLength
        else { return nil }
        session = String(decoding: parts[0], as: UTF8.self)
        mark = String(decoding: parts[0].suffix(Self.markLength), as: UTF8.self)
    }

    /// What all forms of a new session have.
    ///
    /// - Parameter owner: As ``ConsoleSession/owner``.
    /// - Throws: ``CryptoFailure`` when the system has no random bytes.
    package static func session(of owner: String) throws(CryptoFailure) -> String {
        try ConsoleToken.make() + mark(of: owner)
    }

    /// What the forms of one page have.
    package static func page(of session: String) -> String {
        // The number has to be another one for each page; it keeps nobody out.
        let number = (0..<numberLength / 2).map { _ in UInt8.random(in: 0...255) }
        return "\(session).\(Hex.encode(number))"
    }

    /// What an owner is known by in forms.
    package static func mark(of owner: String) -> String {
        Hex.encode(Array(ConsoleToken.place(of: owner).prefix(markLength / 2)))
    }
}
