import KMSModel

/// What a key does, and with which algorithms; the public half of a key pair.
struct CryptographyTab: KeyTab {
    static let template = Templates.Name.keyCryptography

    private let page: KeyPage
    private let key: JSONObject

    init(_ page: KeyPage, _ key: JSONObject) {
        self.page = page
        self.key = key
    }

    struct Content: Sendable {
        let type: String
        let spec: String
        let usage: String
        let origin: String
        let keyStore: String?
        let externalKey: String?
        let algorithms: [String]
        let material: String?
        let publicKey: String?
        let download: String
        /// Why the public half is not shown.
        let refusal: String?
    }

    func content() async throws(ConsoleFailure) -> Content {
        let spec = key.text("KeySpec").flatMap(KeySpec.init)
        let isPair = spec.map { !$0.isSymmetric } ?? false
        var (publicKey, refusal): (String?, String?) = (nil, nil)
        if isPair {
            do throws(ConsoleFailure) {
                publicKey = PEM.text(
                    of: try await page.kms(.getPublicKey).text("PublicKey") ?? "", labeled: "PUBLIC KEY")
            } catch {
                refusal = error.sentence
            }
        }
        let lists = ["EncryptionAlgorithms", "SigningAlgorithms", "KeyAgreementAlgorithms", "MacAlgorithms"]
        return Content(
            type: isPair ? "Asymmetric" : "Symmetric", spec: key.text("KeySpec") ?? "",
            usage: Wording.usage(key.text("KeyUsage") ?? ""), origin: Wording.origin(key.text("Origin") ?? ""),
            keyStore: key.text("CustomKeyStoreId"), externalKey: key.object("XksKeyConfiguration")?.text("Id"),
            algorithms: lists.flatMap { key.texts($0) }, material: key.text("CurrentKeyMaterialId"),
            publicKey: publicKey, download: "\(page.path)/public-key", refusal: refusal)
    }
}
