import KMSIdentity
import KMSModel

/// Where the secret of a new access key is shown, for a minute.
///
/// The form that makes an access key leads here, so that loading the page anew makes no other one. For that minute the secret is
/// in the visitor's session, and nowhere else.
struct NewAccessKeyPage: Sendable {
    /// What the path ends with, behind the user.
    static let name = "new-key"

    let visit: Visit

    private struct Content: Sendable {
        let id: String
        /// Nil when it cannot be shown any more.
        let shown: Shown?
        let list: String
    }

    private struct Shown: Sendable {
        let user: String
        let secret: String
        let back: String
    }

    /// Keeps what was made, and sends the browser to where it is shown.
    ///
    /// - Throws: ``ConsoleFailure``.
    static func lead(_ visit: Visit, to accessKey: QueryValue?) throws(ConsoleFailure) -> ConsoleResponse {
        guard let id = accessKey?.text("AccessKeyId"), let secret = accessKey?.text("SecretAccessKey"),
            let user = accessKey?.text("UserName")
        else { throw ConsoleFailure(KMSError(.kmsInternal)) }
        visit.notices.leave(NewAccessKey(id: id, user: user, secret: SecretBytes(copying: secret.utf8)))
        return .seeOther("\(visit.base)/access/\(name)?id=\(id.inQuery)")
    }

    /// Shows the secret while it is there.
    ///
    /// - Returns: Nil for a path that does not say which access key it is about.
    func respond() -> ConsoleResponse? {
        guard !visit.request.isPost, let id = visit.request.query.text("id") else { return nil }
        let shown = visit.notices.newAccessKey(id).map { key in
            Shown(
                user: key.user, secret: key.secret.withBytes { String(decoding: $0, as: UTF8.self) },
                back: AccessSubject(kind: .user, id: key.user).path(in: visit))
        }
        return visit.page(
            .accessKey, "New access key", at: .access,
            Content(id: id, shown: shown, list: "\(visit.base)/access/\(AccessKind.user.plural)"))
    }
}
