import Foundation
import KMSAccess
import KMSCrypto
import KMSEngine
import KMSModel

/// Where people come in, with an access key and its secret.
struct SignInPages: Sendable {
    /// The cookie that shows that a form of this page came from this server.
    private static let formCookie = ConsoleCookie("chatelaine-sign-in")
    /// The longest access key, secret and session token that are looked at, in bytes.
    private static let (longestName, longestToken) = (128, 16_384)

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
        /// Why somebody is here who was signed in.
        let notice: String?
    }

    /// Sends the browser to the sign-in, and from there back to where it was going.
    func ask(for request: ConsoleRequest) -> ConsoleResponse {
        .seeOther(Self.path(request.isPost ? .lost : nil, returningTo: request.target))
    }

    /// Ends a session because its visitor wants that.
    func end(_ name: String) -> ConsoleResponse { end(name, Self.path(.signedOut, returningTo: nil)) }

    /// Ends a session whose credentials are not good any more.
    func end(_ name: String, refusing request: ConsoleRequest) -> ConsoleResponse {
        end(name, Self.path(.refused, returningTo: request.target))
    }

    private func end(_ name: String, _ path: String) -> ConsoleResponse {
        sessions.end(name)
        return .seeOther(path).removing(Console.sessionCookie)
    }

    /// Why somebody has to sign in who was signed in before.
    private enum Reason: String {
        case signedOut, lost, refused

        var sentence: String {
            switch self {
            case .signedOut: "You are signed out."
            case .lost:
                "Your session has ended. What you sent was not done: go back in your browser to copy what you typed."
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
        let now = engine.signIn.time
        guard !request.isCrossSite, let cookie = Self.formCookie.anyValue(in: request),
            ConsoleToken.areEqual(Self.token(for: cookie), request.form["token"] ?? "")
        else {
            return form(for: request, ConsoleFailure("FormExpired", "The form was too old. Try again.", status: 403))
        }
        guard limiter.admit(request.client.address, at: now) else {
            let text = "Too many attempts to sign in have failed. Wait for half a minute."
            return form(for: request, ConsoleFailure("TooManyRequests", text, status: 429))
        }
        do {
            let response = try await begin(request)
            limiter.giveBack(request.client.address)
            return response
        } catch let failure as AuthenticationFailure {
            return form(for: request, Self.sentence(for: failure))
        } catch {
            limiter.giveBack(request.client.address)
            return form(for: request, ConsoleFailure(KMSError(.kmsInternal, "The sign-in could not be recorded.")))
        }
    }

    private func begin(_ request: ConsoleRequest) async throws -> ConsoleResponse {
        let accessKeyID = request.form.text("access-key-id") ?? ""
        let secret = request.form.text("secret-access-key") ?? ""
        let token = request.form.text("session-token")
        guard accessKeyID.utf8.count <= Self.longestName, secret.utf8.count <= Self.longestName,
            (token?.utf8.count ?? 0) <= Self.longestToken
        else { throw AuthenticationFailure.unrecognizedClient }
        let caller = try await engine.signIn.signIn(
            accessKeyID, secret: SecretBytes(copying: secret.utf8), token: token, from: request.client)
        let session = ConsoleSession(
            accessKeyID: accessKeyID, owner: Self.owner(caller.principal), securityToken: token,
            formToken: try ConsoleToken.make(), home: caller.region, begin: engine.signIn.time)
        let goal = request.form["to"].flatMap(Self.destination) ?? "/console/\(caller.region)/keys"
        // A session that was there before was perhaps somebody else's.
        if let previous = Console.sessionCookie.anyValue(in: request) { sessions.end(previous) }
        return .seeOther(goal)
            .setting(Console.sessionCookie, to: try sessions.begin(session), isSecure: request.isSecure)
            .removing(Self.formCookie)
    }

    /// Sessions of a role are all of one owner, whatever they are called.
    private static func owner(_ principal: Principal) -> String {
        principal.id?.description ?? principal.account.description
    }

    private func form(for request: ConsoleRequest, _ failure: ConsoleFailure?) -> ConsoleResponse {
        let fresh = try? ConsoleToken.make()
        guard let cookie = Self.formCookie.anyValue(in: request).flatMap({ $0.utf8.count == 64 ? $0 : nil }) ?? fresh
        else {
            return .page("", status: 500)
        }
        let content = Content(
            token: Self.token(for: cookie), accessKeyID: request.form["access-key-id"] ?? "",
            destination: (request.form["to"] ?? request.query["to"]).flatMap(Self.destination) ?? "",
            notice: request.isPost ? nil : request.query["ended"].flatMap(Reason.init)?.sentence)
        let screen = Screen(frame: site.frame("Sign in"), alert: failure.map(Alert.init), content: content)
        return ConsoleResponse.page(site.templates.render(.signIn, screen), status: failure?.status ?? 200)
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
    private static func destination(_ target: String) -> String? {
        let isPath = target.utf8.starts(with: "/console/".utf8) && target.isPlainPath
        return isPath && !target.hasPrefix("/console/sign-") ? target : nil
    }
}
