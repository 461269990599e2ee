import Foundation
import KMSAccess
import KMSCrypto
import KMSEngine
import KMSModel

/// Where people come in, with an access key and its secret.
struct SignInPages: Sendable {
    /// The cookie that shows that a form of this page came from this server.
    private static let formCookie = ConsoleCookie("chatelaine-sign-in")

    private let engine: Engine
    private let site: Site
    private let sessions: ConsoleSessions
    private let limiter = SignInLimiter()

    init(engine: Engine, site: Site, sessions: ConsoleSessions) {
        self.engine = engine
        self.site = site
        self.sessions = sessions
    }

    private struct Content: Sendable {
        let token: String
        let accessKeyID: String
        let destination: String
        /// Of temporary credentials; without the secret, which is not sent back, it is good for nothing.
        let sessionToken: String?
        /// Why somebody is here who was signed in.
        let notice: String?
        /// What the form brings along: a form that was sent too late.
        let kept: [KeyPlan.Field]
    }

    /// Sends the browser to the sign-in, and from there back to where it was going; a form that came too late goes along.
    func ask(for request: ConsoleRequest) -> ConsoleResponse {
        if let kept = KeptForm(request) { return form(for: request, nil, keeping: kept, .ended) }
        return .seeOther(Self.path(request.isPost ? .lost : nil, returningTo: request.target))
    }

    /// Says that there is no session to end any more.
    func confirmEnd() -> ConsoleResponse { .seeOther(Self.path(.signedOut, returningTo: nil)) }

    /// Ends a session because its visitor wants that.
    func end(_ name: String) -> ConsoleResponse { end(name, Self.path(.signedOut, returningTo: nil)) }

    /// Ends a session whose credentials are not good any more.
    func end(_ name: String, refusing request: ConsoleRequest) -> ConsoleResponse {
        if let kept = KeptForm(request) {
            sessions.end(name)
            return form(for: request, nil, keeping: kept, .refused)
                .removing(Console.sessionCookie)
        }
        return end(name, Self.path(.refused, returningTo: request.target))
    }

    private func end(_ name: String, _ path: String) -> ConsoleResponse {
        sessions.end(name)
        return .seeOther(path).removing(Console.sessionCookie)
    }

    /// Why somebody has to sign in who was signed in before.
    private enum Reason: String {
        case signedOut, ended, lost, refused

        var sentence: String {
            switch self {
            case .signedOut: "You are signed out."
            case .ended: "Your session has ended."
            case .lost: "Your session has ended. What you sent was not done."
            case .refused: "Your access key, or the session of your role, is not valid any more."
            }
        }
    }

    private static func path(_ reason: Reason?, returningTo target: String?) -> String {
        let fields =
            (reason.map { ["ended=\($0.rawValue)"] } ?? [])
            + (target.flatMap(destination).map { ["to=\($0.inQuery)"] } ?? [])
        return "/console/sign-in" + (fields.isEmpty ? "" : "?") + fields.joined(separator: "&")
    }

    /// Shows the form, or takes it.
    func respond(to request: ConsoleRequest) async -> ConsoleResponse {
        guard request.isPost else { return form(for: request, nil) }
        guard !request.isCrossSite else { return form(for: request, .foreignForm(request)) }
        let kept = KeptForm(carriedBy: request.form)
        guard let cookie = Self.formCookie.anyValue(in: request),
            ConsoleToken.areEqual(Self.token(for: cookie), request.form["token"] ?? "")
        else {
            let failure = ConsoleFailure("FormExpired", "The form was too old. Try again.", status: 403)
            // Without the cookie only the browser's word tells a form of this server from one that another site made.
            return form(for: request, failure, keeping: request.isFromHere ? kept : nil)
        }
        guard let given = GivenCredentials(request.form) else {
            return form(for: request, Self.sentence(for: .unrecognizedClient), keeping: kept)
        }
        let (address, accessKeyID) = (request.client.address, given.accessKeyID)
        let isAdmitted = limiter.admit(address, accessKeyID, at: engine.signIn.time)
        do {
            let response = try await begin(request, given, kept, recordingFailure: isAdmitted)
            if isAdmitted { limiter.giveBack(address, accessKeyID) }
            return response
        } catch let failure as AuthenticationFailure {
            return form(for: request, isAdmitted ? Self.sentence(for: failure) : .tooManyAttempts, keeping: kept)
        } catch {
            if isAdmitted { limiter.giveBack(address, accessKeyID) }
            let failure = ConsoleFailure(KMSError(.kmsInternal, "The sign-in could not be recorded."))
            return form(for: request, failure, keeping: kept)
        }
    }

    private func begin(
        _ request: ConsoleRequest, _ given: GivenCredentials, _ kept: KeptForm?, recordingFailure isRecorded: Bool
    ) async throws -> ConsoleResponse {
        let caller = try await engine.signIn.signIn(
            given.accessKeyID, secret: given.secret, token: given.token, from: request.client,
            recordingFailure: isRecorded)
        let owner = Self.owner(caller.principal)
        let session = ConsoleSession(
            accessKeyID: given.accessKeyID, owner: owner, securityToken: given.token,
            formToken: try FormToken.session(of: owner), home: caller.region, begin: engine.signIn.time)
        let name = try sessions.begin(session)
        if let kept { leave(kept, in: session, name, caller) }
        let goal = request.form["to"].flatMap(Self.destination) ?? "/console/\(caller.region)/keys"
        // A session that was there before was perhaps somebody else's.
        if let previous = Console.sessionCookie.anyValue(in: request) { sessions.end(previous) }
        return .seeOther(goal)
            .setting(Console.sessionCookie, to: name, isSecure: request.isSecure)
            .removing(Self.formCookie)
    }

    /// Has the form shown again to whom it was shown before, and to nobody else.
    private func leave(_ kept: KeptForm, in session: ConsoleSession, _ name: String, _ caller: Caller) {
        let arn = caller.principal.arn(in: caller.partition)
        guard kept.mark == FormToken.mark(of: session.owner) else {
            return sessions.leave(
                "You are signed in as \(arn). What was sent before was typed by somebody else: it was not done, and is "
                    + "not shown.", in: name)
        }
        session.keptForm.keep(kept, saying: nil)
        sessions.leave(
            "You are signed in as \(arn). What you sent before was not done. \(kept.invitation)", in: name)
    }

    /// Sessions of a role are all of one owner, whatever they are called.
    private static func owner(_ principal: Principal) -> String {
        principal.id?.description ?? principal.account.description
    }

    private func form(
        for request: ConsoleRequest, _ failure: ConsoleFailure?, keeping kept: KeptForm? = nil, _ reason: Reason? = nil
    ) -> ConsoleResponse {
        let fresh = try? ConsoleToken.make()
        guard let cookie = Self.formCookie.anyValue(in: request).flatMap({ $0.utf8.count == 64 ? $0 : nil }) ?? fresh
        else {
            return .page("", status: 500)
        }
        let reason = reason ?? (request.isPost ? nil : request.query["ended"].flatMap(Reason.init))
        let keeping = kept.map { kept in
            "What you sent was not done. "
                + (kept.undone ?? "Once you have signed in it is shown to you as you typed it.")
        }
        let notice = [reason?.sentence, keeping].compactMap(\.self).joined(separator: " ")
        let content = Content(
            token: Self.token(for: cookie), accessKeyID: request.form["access-key-id"] ?? "",
            destination: kept?.target
                ?? (request.form["to"] ?? request.query["to"]).flatMap(Self.destination) ?? "",
            sessionToken: request.form.text("session-token").flatMap {
                $0.utf8.count <= GivenCredentials.longestToken ? $0 : nil
            },
            notice: notice.isEmpty ? nil : notice,
            kept: kept?.hidden ?? [])
        let screen = Screen(frame: site.frame("Sign in"), alert: failure.map(Alert.init), content: content)
        return ConsoleResponse.page(
            site.templates.render(.signIn, screen), status: failure?.status ?? (kept == nil ? 200 : 403)
        )
        .setting(Self.formCookie, to: cookie, isSecure: request.isSecure)
    }

    /// What the form must bring back: it shows that whoever wrote it could read the cookie, which other sites cannot.
    private static func token(for cookie: String) -> String { Hex.encode(ConsoleToken.place(of: cookie)) }

    /// One sentence for an access key that is not known and for a wrong secret: who guesses learns nothing of either.
    private static func sentence(for failure: AuthenticationFailure) -> ConsoleFailure {
        if failure == .expiredToken {
            return ConsoleFailure(failure.code.rawValue, failure.message(for: .kms), status: 403)
        }
        return ConsoleFailure(
            "SignInFailed", "The access key ID, the secret access key or the session token is not right.", status: 403)
    }

    /// A page of this console that a browser may be sent to.
    static func destination(_ target: String) -> String? {
        let isPath = target.utf8.starts(with: "/console/".utf8) && target.isPlainPath
        return isPath && !target.hasPrefix("/console/sign-") ? target : nil
    }
}

/// What somebody has typed to come in.
private struct GivenCredentials {
    /// The longest access key, secret and session token that are looked at, in bytes.
    static let (longestName, longestToken) = (128, 16_384)

    let accessKeyID: String
    let secret: SecretBytes
    let token: String?

    /// Nil for what is longer than any.
    init?(_ form: FormFields) {
        let secret = form.text("secret-access-key") ?? ""
        accessKeyID = form.text("access-key-id") ?? ""
        token = form.text("session-token")
        guard accessKeyID.utf8.count <= Self.longestName, secret.utf8.count <= Self.longestName,
            (token?.utf8.count ?? 0) <= Self.longestToken
        else { return nil }
        self.secret = SecretBytes(copying: secret.utf8)
    }
}

extension ConsoleFailure {
    /// So many wrong secrets of one access key have come from one address that another is not told to be wrong.
    fileprivate static let tooManyAttempts = ConsoleFailure(
        "TooManyRequests", "Too many attempts to sign in with this access key have failed. Wait for half a minute.",
        status: 429)
}
