import KMSModel

/// When a key gets new material, and when it did.
struct RotationTab: KeyTab {
    static let template = Templates.Name.keyRotation

    private let page: KeyPage
    private let key: JSONObject

    init(_ page: KeyPage, _ key: JSONObject) {
        self.page = page
        self.key = key
    }

    struct Rotation: Sendable {
        let moment: Moment
        let type: String
        let material: String
    }

    struct Content: Sendable {
        let isOn: Bool
        let isAutomatic: Bool
        let period: String
        let next: Moment?
        let creation: Moment?
        let rotations: [Rotation]
    }

    func content() async throws(ConsoleFailure) -> Content {
        let status = try await page.kms(.getKeyRotationStatus)
        let history = (try? await page.kms(.listKeyRotations, ["Limit": .number("1000")]))?.objects("Rotations") ?? []
        let period = status.number("RotationPeriodInDays").map { String(Int($0)) } ?? "365"
        return Content(
            isOn: status.flag("KeyRotationEnabled"), isAutomatic: key.text("Origin") == KeyOrigin.awsKMS.rawValue,
            period: page.typed("period", in: "schedule", else: period),
            next: status.date("NextRotationDate").map(Moment.init),
            creation: key.date("CreationDate").map(Moment.init),
            rotations: history.reversed().compactMap { rotation in
                guard let date = rotation.date("RotationDate") else { return nil }
                let isAutomatic = rotation.text("RotationType") == "AUTOMATIC"
                return Rotation(
                    moment: Moment(date), type: isAutomatic ? "Automatic" : "On demand",
                    material: rotation.text("KeyMaterialId") ?? "")
            })
    }

    func change(_ action: String) async throws(ConsoleFailure) -> KeyChange {
        let path = page.path(.rotation)
        switch action {
        case "schedule":
            let period = page.visit.request.form.text("period").flatMap { Int($0) } ?? 0
            try await page.kms(.enableKeyRotation, ["RotationPeriodInDays": .number(String(period))])
            return .done("The key is rotated every \(period) days.", goingTo: path)
        case "stop":
            try await page.kms(.disableKeyRotation)
            return .done("The key is not rotated automatically any more.", goingTo: path)
        case "rotate":
            try await page.kms(.rotateKeyOnDemand)
            return .done("The key gets new material. What was encrypted before can still be decrypted.", goingTo: path)
        default: throw .unknownAction
        }
    }
}
