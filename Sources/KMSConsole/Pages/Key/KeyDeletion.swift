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
        let days: [Choice]
        let lastUse: LastUse?
        let creation: Moment?
        let back: String
    }

    func content() async throws(ConsoleFailure) -> Content {
        return Content(
            days: Choice.waitingPeriods(chosen: page.typed("days", else: "30")), lastUse: await LastUse(of: page),
            creation: key.date("CreationDate").map(Moment.init), back: page.path(.general))
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
