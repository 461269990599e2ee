import Synchronization

/// A form that was sent and not done, which its page is to show once more with what was typed.
///
/// The session was over when it was sent, or another had begun. It goes through the sign-in in hidden fields, and is shown to
/// the user, role or root user only who had it; what it asks for is not done before it is sent anew, with a new token.
package struct KeptForm: Sendable {
    /// The longest form that is kept, in bytes as browsers send it, and the most fields: the fields of the sign-in still
    /// have room beside it.
    package static let (longest, mostFields) = (3 << 16, 900)
    /// What its fields are called like in the form of the sign-in.
    private static let prefix = "kept."
    private static let markField = "kept-mark"
    /// What is of one session, or a secret: no form but that of the sign-in has the latter.
    private static let withheld: Set<String> = ["token", "secret-access-key", "session-token"]

    /// The path of the form's page, with its query.
    package let target: String
    /// What was typed.
    package let fields: FormFields
    /// Whose it is: ``FormToken/mark(of:)``.
    package let mark: String

    /// The form that a request brings.
    ///
    /// - Returns: Nil for what the browser does not say to be from a page of this server: another site could have somebody
    ///   sign in and then look at a form of its own making. Nil as well for what is too long.
    package init?(_ request: ConsoleRequest) {
        guard request.isPost, request.isFromHere, !request.isCrossSite,
            let token = request.form["token"].flatMap(FormToken.init)
        else { return nil }
        self.init(target: request.target, request.form.pairs, mark: token.mark)
    }

    /// The form that the form of the sign-in brings along.
    package init?(carriedBy form: FormFields) {
        let carried = form.pairs.filter { $0.name.hasPrefix(Self.prefix) }
        guard !carried.isEmpty, let mark = form[Self.markField] else { return nil }
        self.init(
            target: form["to"] ?? "", carried.map { (String($0.name.dropFirst(Self.prefix.count)), $0.value) },
            mark: mark)
    }

    private init?(target: String, _ pairs: [(name: String, value: String)], mark: String) {
        let kept = pairs.filter { !Self.withheld.contains($0.name) }
        let length = kept.reduce(0) { $0 + Self.prefix.utf8.count + 2 + Self.length($1.name) + Self.length($1.value) }
        guard SignInPages.destination(target) != nil, length <= Self.longest, kept.count <= Self.mostFields else {
            return nil
        }
        self.target = target
        fields = FormFields(kept)
        self.mark = mark
    }

    /// What a page itself has a form of another page show.
    init(target: String, fields: [(name: String, value: String)]) {
        self.target = target
        self.fields = FormFields(fields)
        mark = ""
    }

    /// The hidden fields in which it goes through the sign-in.
    package var hidden: [KeyPlan.Field] {
        [KeyPlan.Field(name: Self.markField, value: mark)]
            + fields.pairs.map { KeyPlan.Field(name: Self.prefix + $0.name, value: $0.value) }
    }

    /// How many bytes a text has as browsers send it.
    private static func length(_ text: String) -> Int {
        text.utf8.reduce(0) { length, byte in
            let isPlain =
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || byte == 0x20
            return length + (isPlain ? 1 : 3)
        }
    }
}

/// Where a session has the one form that is to be shown again by the next look at its page.
final class KeptFormPlace: Sendable {
    private struct Entry {
        let form: KeptForm
        let failure: ConsoleFailure?
    }

    private let entry = Mutex<Entry?>(nil)

    /// Keeps a form, and why it was not done, if that is to be said.
    func keep(_ form: KeptForm, saying failure: ConsoleFailure?) {
        entry.withLock { $0 = Entry(form: form, failure: failure) }
    }

    /// Takes the form of a page.
    func take(for target: String) -> (form: KeptForm, failure: ConsoleFailure?)? {
        entry.withLock { entry in
            guard let kept = entry, kept.form.target == target else { return nil }
            entry = nil
            return (kept.form, kept.failure)
        }
    }
}
