import KMSModel

extension ConsoleFailure {
    /// What is said of a refusal that AWS has no sentence for.
    static func sentence(for code: KMSError.Code) -> String {
        switch code {
        case .notAuthorized:
            "Keys of AWS services, and names that begin with alias/aws/, cannot be changed or given by customers."
        case .invalidMarker: "This page of the list is not there any more. Begin with the first page again."
        case .serialization: "The request cannot be read: a value has another form than it must have."
        case .invalidCiphertext: "What was sent is damaged, or was encrypted with another key or algorithm."
        case .kmsInternal, .internalFailure: "The server could not do it. Its log says why."
        default: "The request was refused without a reason."
        }
    }

    /// A form that no page of this console has sent, as the browser tells it.
    static func foreignForm(_ request: ConsoleRequest) -> Self {
        var text = "The browser says that the form is not from a page of this server. Nothing was changed."
        if request.fetchSite == nil || request.fetchSite == "none", let origin = request.origin {
            text =
                "The form is from a page of \(origin), and was sent to \(request.host ?? "no host"). Nothing was changed. "
                + "A proxy in front of this server has to pass on the Host that the browser sends, with its port."
        }
        return Self("WrongOrigin", text, status: 403)
    }

    /// A form of another session.
    static let expiredForm = Self(
        "FormExpired", "The form is not of this session. Nothing was changed. Open the page again.", status: 403)

    /// A sign-out by a page of another session.
    static let expiredSignOut = Self(
        "FormExpired", "The page that you came from is of another session. This one goes on: “Sign out” above ends it.",
        status: 403)

    /// A form of another session of the same visitor's, which is shown once more.
    static func expired(_ form: KeptForm) -> Self {
        Self(
            "FormExpired", "The form is of a session that has ended. Nothing was changed. \(form.invitation)",
            status: 403)
    }
}
