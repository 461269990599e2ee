import Foundation
import KMSModel

/// The import of key material, step by step: the wrapping key, then the material that was encrypted under it.
struct MaterialTab: KeyTab {
    static let template = Templates.Name.keyMaterial
    /// The longest file that is handed back to the browser, in bytes of Base64.
    private static let longestFile = 16_384

    private let page: KeyPage
    private let key: JSONObject

    init(_ page: KeyPage, _ key: JSONObject) {
        self.page = page
        self.key = key
    }

    /// What the material is to be encrypted with, as long as the guide lasts.
    struct Parameters: Sendable {
        let publicKey: String
        let token: String
        let validTo: String
        let algorithm: String
        let pem: String
        let command: String?
    }

    struct Content: Sendable {
        let state: String
        let isPresent: Bool
        let validTo: Moment?
        let specs: [Choice]
        let algorithms: [Choice]
        let parameters: Parameters?
        let material: String
        let isNew: Bool
        let expires: Bool
        let end: String
    }

    private var form: FormFields { page.visit.request.form }

    func content() async throws(ConsoleFailure) -> Content { try await content(after: nil) }

    func content(after answer: JSONObject?) async throws(ConsoleFailure) -> Content {
        let isPending = key.text("KeyState") == KeyState.pendingImport.rawValue
        return Content(
            state: key.text("KeyState") ?? "", isPresent: !isPending, validTo: key.date("ValidTo").map(Moment.init),
            specs: Choice.list(
                WrappingKeySpec.allCases.map { ($0.rawValue, $0.rawValue) }, chosen: form["spec"] ?? "RSA_4096"),
            algorithms: Choice.list(
                WrappingAlgorithm.allCases.filter { $0 != .rsaesPKCS1 }.map { ($0.rawValue, $0.rawValue) },
                chosen: form["algorithm"] ?? Self.usual(for: key)),
            parameters: parameters(answer), material: form["material"] ?? "", isNew: form.has("new"),
            expires: form.has("expires"),
            end: form["end"] ?? "")
    }

    /// What a key of 32 bytes can be wrapped with by itself; others need a key that wraps more.
    private static func usual(for key: JSONObject) -> String {
        key.text("KeySpec") == KeySpec.symmetricDefault.rawValue
            ? WrappingAlgorithm.rsaesOAEPSHA256.rawValue : WrappingAlgorithm.rsaAESKeyWrapSHA256.rawValue
    }

    /// New parameters that were asked for, or those that the form brings back when it was refused.
    private func parameters(_ answer: JSONObject?) -> Parameters? {
        let algorithm = form["algorithm"] ?? ""
        if let answer {
            return Self.parameters(
                answer.text("PublicKey") ?? "", answer.text("ImportToken") ?? "",
                answer.date("ParametersValidTo").map { Moment($0).text } ?? "", algorithm)
        }
        guard page.visit.request.isPost, form["action"] == "import" else { return nil }
        return Self.parameters(form["public-key"] ?? "", form["import-token"] ?? "", form["valid-to"] ?? "", algorithm)
    }

    private static func parameters(
        _ publicKey: String, _ token: String, _ validTo: String, _ algorithm: String
    ) -> Parameters {
        let hash = ["RSAES_OAEP_SHA_1": "sha1", "RSAES_OAEP_SHA_256": "sha256"][algorithm]
        let command = hash.map { hash in
            "openssl pkeyutl -encrypt -pubin -inkey wrapping-key.pem -in material.bin -out encrypted.bin "
                + "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:\(hash) -pkeyopt rsa_mgf1_md:\(hash)"
        }
        return Parameters(
            publicKey: publicKey, token: token, validTo: validTo, algorithm: algorithm,
            pem: PEM.text(of: publicKey, labeled: "PUBLIC KEY"), command: command)
    }

    func change(_ action: String) async throws(ConsoleFailure) -> KeyChange {
        switch action {
        case "begin":
            return .shown(
                try await page.kms(
                    .getParametersForImport,
                    [
                        "WrappingAlgorithm": .string(form["algorithm"] ?? ""),
                        "WrappingKeySpec": .string(form["spec"] ?? ""),
                    ]))
        case "wrapping-key": return try download()
        case "import":
            try await importMaterial()
            let notice =
                form.has("new")
                ? "The new key material is imported. The next rotation takes it into use."
                : "The key material is imported. The key can be used."
            return .done(notice, goingTo: page.path(.material))
        case "delete":
            guard form.has("lost") else {
                throw ConsoleFailure(
                    "ConfirmationNeeded", "Nothing was done. Confirm that nothing can be decrypted then.")
            }
            try await page.kms(.deleteImportedKeyMaterial)
            return .done(
                "The key material is deleted. The key cannot be used until the same material is imported again.",
                goingTo: page.path(.material))
        default: throw .unknownAction
        }
    }

    private func download() throws(ConsoleFailure) -> KeyChange {
        let text = form["public-key"] ?? ""
        guard text.utf8.count <= Self.longestFile, Base64.decode(text) != nil else {
            throw ConsoleFailure("ValidationException", "This is no wrapping key.")
        }
        return .answer(
            .download(
                Array(PEM.text(of: text, labeled: "PUBLIC KEY").utf8), as: "wrapping-key.pem",
                type: "application/x-pem-file"))
    }

    private func importMaterial() async throws(ConsoleFailure) {
        var members = JSONObject([
            "KeyId": .string(page.id), "ImportToken": .string(form.text("import-token") ?? ""),
            "EncryptedKeyMaterial": .string((form["material"] ?? "").filter { !$0.isWhitespace }),
        ])
        if form.has("new") { members.append("ImportType", .string(ImportType.newKeyMaterial.rawValue)) }
        if form.has("expires") {
            guard let end = FormDate.seconds(form.text("end") ?? "") else {
                throw ConsoleFailure(
                    "ValidationException", "Write the end of the key material as 2027-12-31 or 2027-12-31T18:00.")
            }
            members.append("ExpirationModel", .string(ExpirationModel.expires.rawValue))
            members.append("ValidTo", .number(String(end)))
        } else {
            members.append("ExpirationModel", .string(ExpirationModel.doesNotExpire.rawValue))
        }
        try await page.visit.kms(.importKeyMaterial, members)
    }
}

/// Moments as browsers send them (HTML Living Standard, "local date and time string"), taken as UTC.
enum FormDate {
    /// Seconds since 1970; nil for what is no date.
    static func seconds(_ text: String) -> Int? {
        let parts = text.split(separator: "T", maxSplits: 1)
        guard let date = parts.first else { return nil }
        let time = parts.count > 1 ? parts[1].prefix(5) : "00:00"
        guard let moment = try? Date("\(date)T\(time):00Z", strategy: .iso8601) else { return nil }
        return Int(moment.timeIntervalSince1970)
    }
}
