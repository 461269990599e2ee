import KMSModel

/// Where the deletion of a key is asked for, and what it means is said.
struct KeyDeletion: KeyTab {
    static let template = Templates.Name.keyDelete

    private let page: KeyPage
    private let key: JSONObject

    init(_ page: KeyPage, _ key: JSONObject) {
        self.page = page
        self.key = key
    }

    struct Content: Sendable {
        /// Why the key is not deleted from here.
        let obstacle: String?
        let days: [Choice]
        let lastUse: LastUse
        let creation: Moment?
        /// Those that have to be gone before the key can go.
        let replicas: [Replica]
        let hasReplicas: Bool
        let back: String
    }

    func content() async throws(ConsoleFailure) -> Content {
        let replicas = Replica.all(of: key)
        return Content(
            obstacle: obstacle, days: Choice.waitingPeriods(chosen: page.visit.request.form["days"]),
            lastUse: await LastUse(of: page),
            creation: key.date("CreationDate").map(Moment.init), replicas: replicas,
            hasReplicas: !replicas.isEmpty, back: page.path(.general))
    }

    private var obstacle: String? {
        guard key.text("KeyManager") == KeyManager.customer.rawValue else {
            return "AWS managed keys are of the service that uses them: nobody can have them deleted."
        }
        switch key.text("KeyState").flatMap(KeyState.init) {
        case .pendingDeletion?, .pendingReplicaDeletion?:
            return "The deletion of this key is scheduled already. It can be canceled, and then scheduled anew."
        default: return nil
        }
    }

    func change(_ action: String) async throws(ConsoleFailure) -> KeyChange {
        let form = page.visit.request.form
        guard form.has("confirmed") else {
            throw ConsoleFailure("ConfirmationNeeded", "Nothing was done. Confirm that the data may be lost.")
        }
        guard let days = form.text("days").flatMap({ Int($0) }) else {
            throw ConsoleFailure("ValidationException", "Choose a waiting period of 7 to 30 days.")
        }
        try await page.kms(.scheduleKeyDeletion, ["PendingWindowInDays": .number(String(days))])
        return .done("The deletion is scheduled. It can be canceled until then.", goingTo: page.path(.general))
    }
}
