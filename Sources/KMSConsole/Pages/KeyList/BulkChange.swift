import KMSModel

/// What is to be done to several keys at once.
struct BulkChange: Sendable {
    /// The most keys of one form: a page of the list, and room for more.
    private static let mostKeys = 100

    private let visit: Visit
    private let keys: [String]

    init(_ visit: Visit) {
        self.visit = visit
        keys = Array(visit.request.form.all("key").prefix(Self.mostKeys))
    }

    /// What became of it.
    struct Outcome: Sendable {
        let done: String?
        let failures: [Failure]
    }

    struct Failure: Sendable {
        let key: String
        let code: String
        let message: String
    }

    private struct Confirmation: Sendable {
        let keys: [DoomedKey]
        let action: String
        let back: String
        let days: [Choice]
    }

    private var form: FormFields { visit.request.form }

    /// Whether any key is ticked.
    var hasKeys: Bool { !keys.isEmpty }

    /// Whether it is a deletion, which is asked about because nothing brings the data back.
    ///
    /// One that was confirmed and is only shown again is asked about again.
    var needsConfirmation: Bool {
        hasKeys && form["action"] == "delete" && form.has("confirmed") == visit.isShownAgain
    }

    /// The page that asks.
    func confirmation(returningTo path: String) async -> ConsoleResponse {
        var doomed: [DoomedKey] = []
        for key in keys { doomed.append(await DoomedKey(key, visit)) }
        return visit.page(
            .confirmDeletions, "Schedule key deletion", at: .keys,
            Confirmation(keys: doomed, action: path, back: path, days: Choice.waitingPeriods(chosen: form["days"])))
    }

    /// Does it to each of the keys that are ticked.
    func make() async -> Outcome {
        var failures: [Failure] = []
        for key in keys {
            do throws(ConsoleFailure) {
                try await change(key)
            } catch {
                failures.append(Failure(key: key, code: error.code, message: error.message))
            }
        }
        let count = keys.count - failures.count
        return Outcome(
            done: count == 0 ? nil : "\(count) \(count == 1 ? "key" : "keys"): \(past).", failures: failures)
    }

    private func change(_ key: String) async throws(ConsoleFailure) {
        let id: KeyValuePairs<String, JSONValue> = ["KeyId": .string(key)]
        switch form["action"] {
        case "enable": try await visit.kms(.enableKey, JSONObject(id))
        case "disable": try await visit.kms(.disableKey, JSONObject(id))
        case "cancel": try await visit.kms(.cancelKeyDeletion, JSONObject(id))
        case "tag":
            let tag = JSONObject([
                "TagKey": .string(form.text("tag-key") ?? ""), "TagValue": .string(form.text("tag-value") ?? ""),
            ])
            try await visit.kms(
                .tagResource, JSONObject(["KeyId": .string(key), "Tags": .array([.object(tag)])]))
        case "delete":
            guard let days = form.text("days").flatMap({ Int($0) }) else {
                throw ConsoleFailure("ValidationException", "Choose how many days the waiting period has.")
            }
            try await visit.kms(
                .scheduleKeyDeletion,
                JSONObject(["KeyId": .string(key), "PendingWindowInDays": .number(String(days))]))
        default: throw ConsoleFailure("ValidationException", "Choose what to do.")
        }
    }

    private var past: String {
        switch form["action"] {
        case "enable": "enabled"
        case "disable": "disabled"
        case "cancel": "deletion canceled; the key is disabled"
        case "tag": "tagged"
        case "delete": "deletion scheduled"
        default: "done"
        }
    }
}
