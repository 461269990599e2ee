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
        let lastUse: LastUse?
        let description: String
    }

    func content() async throws(ConsoleFailure) -> Content {
        Content(
            arn: key.text("Arn") ?? "", creation: key.date("CreationDate").map(Moment.init),
            usage: Wording.usage(key.text("KeyUsage") ?? ""), spec: key.text("KeySpec") ?? "",
            origin: Wording.origin(key.text("Origin") ?? ""), isMultiRegion: key.flag("MultiRegion"),
            validTo: key.date("ValidTo").map(Moment.init), lastUse: await LastUse(of: page),
            description: page.typed("description", else: key.text("Description") ?? ""))
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

/// When a key was last used, and for what.
struct LastUse: Sendable {
    let operation: String
    let moment: Moment

    /// Nil for a key that was not used, or whose use the visitor may not see.
    init?(of page: KeyPage) async {
        guard let answer = try? await page.kms(.getKeyLastUsage) else { return nil }
        self.init(answer)
    }

    /// Reads an answer of GetKeyLastUsage; nil when it tells of no use.
    init?(_ answer: JSONObject) {
        guard let use = answer.object("KeyLastUsage"), let operation = use.text("Operation"),
            let date = use.date("Timestamp")
        else { return nil }
        self.operation = operation
        moment = Moment(date)
    }
}
