import KMSModel

/// What a key is, its description, and whether it can be used.
struct GeneralTab: KeyTab {
    static let template = Templates.Name.keyGeneral

    private let page: KeyPage
    private let key: JSONObject

    init(_ page: KeyPage, _ key: JSONObject) {
        self.page = page
        self.key = key
    }

    struct Content: Sendable {
        let arn: String
        let creation: Moment?
        let usage: String
        let spec: String
        let origin: String
        let isMultiRegion: Bool
        let validTo: Moment?
        let lastUse: LastUse
        let description: String
    }

    func content() async throws(ConsoleFailure) -> Content {
        Content(
            arn: key.text("Arn") ?? "", creation: key.date("CreationDate").map(Moment.init),
            usage: Wording.usage(key.text("KeyUsage") ?? ""), spec: key.text("KeySpec") ?? "",
            origin: Wording.origin(key.text("Origin") ?? ""), isMultiRegion: key.flag("MultiRegion"),
            validTo: key.date("ValidTo").map(Moment.init), lastUse: await LastUse(of: page),
            description: page.typed("description", in: "describe", else: key.text("Description") ?? ""))
    }

    func change(_ action: String) async throws(ConsoleFailure) -> KeyChange {
        let path = page.path(.general)
        switch action {
        case "describe":
            let text = page.visit.request.form["description"] ?? ""
            try await page.kms(.updateKeyDescription, ["Description": .string(text)])
            return .done("The description is changed.", goingTo: path)
        case "enable":
            try await page.kms(.enableKey)
            return .done("The key is enabled.", goingTo: path)
        case "disable":
            try await page.kms(.disableKey)
            return .done("The key is disabled: nothing can be encrypted or decrypted with it.", goingTo: path)
        case "cancel":
            try await page.kms(.cancelKeyDeletion)
            return .done("The deletion is canceled. The key is disabled: enable it to use it again.", goingTo: path)
        default: throw .unknownAction
        }
    }
}
