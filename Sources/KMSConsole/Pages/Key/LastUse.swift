import KMSModel

/// When a key was last used, and for what, as far as the visitor may know it.
struct LastUse: Sendable {
    struct Use: Sendable {
        let operation: String
        let moment: Moment
    }

    /// Nil for a key that was not used, or whose use is not shown.
    private(set) var use: Use?
    /// Why nothing is said of it.
    private(set) var useRefusal: String?
    /// Whether the server itself knows of no use.
    private(set) var isUnknown = false

    init(of page: KeyPage) async {
        do throws(ConsoleFailure) {
            self.init(try await page.kms(.getKeyLastUsage))
        } catch {
            self.init(refusedBecause: error.sentence)
        }
    }

    private init(refusedBecause sentence: String) { useRefusal = sentence }

    /// Reads an answer of GetKeyLastUsage.
    init(_ answer: JSONObject) {
        let last = answer.object("KeyLastUsage")
        if let operation = last?.text("Operation"), let date = last?.date("Timestamp") {
            use = Use(operation: operation, moment: Moment(date))
        } else {
            isUnknown = true
        }
    }
}
