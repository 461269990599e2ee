import Foundation
import KMSAccess
import KMSEngine
import KMSModel

/// The key material that a key has from outside, and its import step by step: the wrapping key, then the material that was
/// encrypted under it.
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

    /// What the material is to be encrypted with, as long as the page is open.
    struct Parameters: Sendable {
        let publicKey: String
        let token: String
        let validTo: String
        let algorithm: String
        let pem: String
        let command: String?
    }

    struct Content: Sendable {
        let materials: KeyMaterials
        /// Whether the state of the key lets material in.
        let canImport: Bool
        let isDisabled: Bool
        /// The material that is to come back, if it is said which.
        let again: String?
        let specs: [Choice]
        let algorithms: [Choice]
        let parameters: Parameters?
        let token: String
        let material: String
        /// Whether what is imported can be further material.
        let canBeNew: Bool
        let isNew: Bool
        let ends: [Choice]
        let end: String
    }

    private var form: FormFields { page.visit.request.form }
    private var isDisabled: Bool { key.text("KeyState") == KeyState.disabled.rawValue }

    func content() async throws(ConsoleFailure) -> Content { try await content(after: nil) }

    func content(after answer: JSONObject?) async throws(ConsoleFailure) -> Content {
        let materials = await KeyMaterials(of: page, key)
        let wrapping = WrappingChoices(for: key, in: page.visit.caller.partition)
        let parameters = parameters(answer)
        // The form that deletes names what is there.
        let named = form["action"] == "delete" ? nil : form.text("material-id")
        let again = materials.missing(named ?? page.visit.request.query.text("again"))
        return Content(
            materials: materials, canImport: ImportStates.contains(key.text("KeyState")), isDisabled: isDisabled,
            again: again,
            specs: wrapping.specs(chosen: form["spec"]), algorithms: wrapping.algorithms(chosen: form["algorithm"]),
            parameters: parameters, token: parameters?.token ?? form["import-token"] ?? "",
            material: form["material"] ?? "", canBeNew: again == nil && materials.canHaveMore, isNew: form.has("new"),
            ends: Choice.list(
                [("never", "It does not end"), ("at", "It ends by itself at this time")],
                chosen: form["ends"] ?? "never"),
            end: form["end"] ?? "")
    }

    /// New parameters that were asked for, or those that the form brings back when it was refused.
    private func parameters(_ answer: JSONObject?) -> Parameters? {
        let algorithm = form["algorithm"] ?? ""
        if let answer {
            return Self.parameters(
                answer.text("PublicKey") ?? "", answer.text("ImportToken") ?? "",
                answer.date("ParametersValidTo").map { Moment($0).text } ?? "", algorithm)
        }
        guard page.isBack(["import", "wrapping-key", "import-token"]), let publicKey = form.text("public-key") else {
            return nil
        }
        return Self.parameters(publicKey, form["import-token"] ?? "", form["valid-to"] ?? "", algorithm)
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

    // MARK: Changes

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
        case "wrapping-key":
            let text = try file("public-key").text
            return .answer(
                .download(
                    Array(PEM.text(of: text, labeled: "PUBLIC KEY").utf8), as: "wrapping-key.pem",
                    type: "application/x-pem-file"))
        case "import-token":
            return .answer(
                .download(try file("import-token").bytes, as: "import-token.bin", type: "application/octet-stream"))
        case "import":
            try await importMaterial()
            return .done(await noticeOfImport(), goingTo: page.path(.material))
        case "delete":
            return .done(try await deleteMaterial(), goingTo: page.path(.material))
        default: throw .unknownAction
        }
    }

    /// A file that the form brings, to be saved.
    private func file(_ field: String) throws(ConsoleFailure) -> (text: String, bytes: [UInt8]) {
        let text = form[field] ?? ""
        guard text.utf8.count <= Self.longestFile, let bytes = Base64.decode(text) else {
            throw ConsoleFailure("ValidationException", "This is no file of this page.")
        }
        return (text, bytes)
    }

    private func importMaterial() async throws(ConsoleFailure) {
        var members = JSONObject([
            "KeyId": .string(page.id),
            "ImportToken": .string((form["import-token"] ?? "").filter { !$0.isWhitespace }),
            "EncryptedKeyMaterial": .string((form["material"] ?? "").filter { !$0.isWhitespace }),
        ])
        if let again = form.text("material-id") {
            members.append("ImportType", .string(ImportType.existingKeyMaterial.rawValue))
            members.append("KeyMaterialId", .string(again))
        } else if form.has("new") {
            members.append("ImportType", .string(ImportType.newKeyMaterial.rawValue))
        }
        if let end = try end() {
            members.append("ExpirationModel", .string(ExpirationModel.expires.rawValue))
            members.append("ValidTo", .number(String(end)))
        } else {
            members.append("ExpirationModel", .string(ExpirationModel.doesNotExpire.rawValue))
        }
        try await page.visit.kms(.importKeyMaterial, members)
    }

    /// When the material ends, in seconds since 1970; nil when it does not.
    private func end() throws(ConsoleFailure) -> Int? {
        let typed = form.text("end")
        guard form["ends"] == "at" else {
            guard typed == nil else {
                throw ConsoleFailure(
                    "ValidationException",
                    "Nothing was imported. A time is written at which the key material ends, but it is chosen that it does "
                        + "not end.")
            }
            return nil
        }
        guard let end = FormDate.seconds(typed ?? "") else {
            throw ConsoleFailure(
                "ValidationException", "Write the end of the key material as 2027-12-31 or 2027-12-31T18:00.")
        }
        return end
    }

    /// What is said of an import that was done, and of what the key can do now.
    private func noticeOfImport() async -> String {
        let isNew = form.has("new") && form.text("material-id") == nil
        let text =
            isNew
            ? "The new key material is imported. The next rotation takes it into use." : "The key material is imported."
        return switch await state() {
        case .enabled? where isDisabled: "\(text) The key was disabled: the import has enabled it."
        case .enabled? where !isNew: "\(text) The key can be used."
        case .pendingImport?: "\(text) The key cannot be used before its other key material is imported too."
        default: text
        }
    }

    private func deleteMaterial() async throws(ConsoleFailure) -> String {
        guard form.has("lost") else {
            throw ConsoleFailure(
                "ConfirmationNeeded", "Nothing was done. Confirm that nothing can be decrypted then.")
        }
        if let named = form.text("material-id") {
            try await page.kms(.deleteImportedKeyMaterial, ["KeyMaterialId": .string(named)])
        } else {
            try await page.kms(.deleteImportedKeyMaterial)
        }
        guard await state() == .pendingImport else { return "The key material is deleted." }
        return "The key material is deleted. The key cannot be used until the same material is imported again."
    }

    /// The state that the key has now; nil when the visitor may not see it.
    private func state() async -> KeyState? {
        let answer = try? await page.kms(.describeKey)
        return answer?.object("KeyMetadata")?.text("KeyState").flatMap(KeyState.init)
    }
}
