import KMSCrypto
import KMSModel

/// What a page of LookupEvents says for the next one to begin behind it.
///
/// It tells nothing, because the place of a record in the log tells how much other accounts do; and it is of no use in any
/// other request.
struct LookupToken {
    private static let version: UInt8 = 2
    private static let numberByteCount = 8

    private let chain: AuditChain
    private let binding: [UInt8]

    /// The tokens of a request: of all its parameters but the token and the size of the page.
    init(of body: JSONObject, by account: AccountID, in region: Region, sealedBy chain: AuditChain) {
        var writer = JSONWriter()
        writer.array { writer in
            writer.string(account.description)
            writer.string(region.description)
            for name in ["LookupAttributes", "StartTime", "EndTime", "EventCategory"] {
                writer.value(body[name] ?? .null)
            }
        }
        self.chain = chain
        binding = [Self.version] + writer.bytes
    }

    /// The token for the page behind `position`.
    ///
    /// - Throws: ``CryptoFailure/unavailable``.
    func text(for position: AuditPosition) throws(CryptoFailure) -> String {
        let numbers = [position.file, UInt64(position.offset)].flatMap { number in
            stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> UInt64($0)) }
        }
        return Base64.encode([Self.version] + (try chain.seal(numbers, binding: binding)))
    }

    /// Where the page of this token begins.
    ///
    /// - Throws: ``KMSError`` with `InvalidNextTokenException` for a token of another request, and for any other text.
    func position(in text: String) throws(KMSError) -> AuditPosition {
        guard let token = Base64.decode(text), token.first == Self.version,
            let numbers = chain.open(Array(token.dropFirst()), binding: binding),
            numbers.count == 2 * Self.numberByteCount
        else { throw Self.invalid }
        func number(_ index: Int) -> UInt64 {
            numbers[(index * Self.numberByteCount)...].prefix(Self.numberByteCount).reduce(0) { $0 << 8 | UInt64($1) }
        }
        guard let offset = Int(exactly: number(1)) else { throw Self.invalid }
        return AuditPosition(file: number(0), offset: offset)
    }

    private static let invalid = KMSError(
        .invalidNextToken, "The token is not valid, or was used with other parameters than it was made for.")
}
