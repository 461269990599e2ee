/// One of the things that can be chosen in a form.
struct Choice: Sendable {
    let value: String
    let name: String
    let isChosen: Bool
    /// What is said about it, if anything.
    var note: String?

    /// How long the deletion of a key can be waited for (KMS API Reference, ScheduleKeyDeletion).
    ///
    /// - Parameter chosen: The longest is for what is none of them.
    static func waitingPeriods(chosen: String?) -> [Choice] {
        let values = (7...30).map(String.init)
        return list(
            values.map { ($0, "\($0) days") }, chosen: values.first { $0 == chosen } ?? values.last)
    }

    /// The choices of a list of values and names.
    static func list(_ values: [(value: String, name: String)], chosen: String?) -> [Choice] {
        values.map { Choice(value: $0.value, name: $0.name, isChosen: $0.value == chosen) }
    }
}

/// What the API's words are called for people, as in the AWS console.
enum Wording {
    static func usage(_ text: String) -> String {
        switch text {
        case "ENCRYPT_DECRYPT": "Encrypt and decrypt"
        case "SIGN_VERIFY": "Sign and verify"
        case "GENERATE_VERIFY_MAC": "Generate and verify MAC"
        case "KEY_AGREEMENT": "Key agreement"
        default: text
        }
    }

    static func origin(_ text: String) -> String {
        switch text {
        case "AWS_KMS": "KMS"
        case "EXTERNAL": "External (imported key material)"
        case "AWS_CLOUDHSM": "CloudHSM key store"
        case "EXTERNAL_KEY_STORE": "External key store"
        default: text
        }
    }
}
