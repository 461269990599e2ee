import Dispatch
import Foundation
import KMSAccess
import KMSCrypto
package import KMSEngine
import KMSModel

/// The console: from a browser's request to a page.
///
/// This is where to start reading. Nobody gets behind the sign-in without a session, and nothing is changed without the token
/// that this server wrote into the form. Whatever a page shows or does is then asked of the APIs (``Visit``), as whoever is
/// signed in: the console itself decides nothing.
package struct Console: Sendable {
    /// The cookie that a session is known by.
    static let sessionCookie = ConsoleCookie("chatelaine-session")

    private let engine: Engine
    private let site: Site
    private let sessions = ConsoleSessions()
    private let signIn: SignInPages

    /// Begins to read the templates, on another thread, so that a start that has other things to read need not wait for them.
    package static func prepare() { DispatchQueue.global().async { _ = Templates.all } }

    /// - Throws: What is wrong with a template: a defect of this program.
    package init(engine: Engine) throws {
        self.engine = engine
        site = try Site()
        signIn = SignInPages(engine: engine, site: site, sessions: sessions)
    }

    /// Answers a request.
    package func respond(to request: ConsoleRequest) async -> ConsoleResponse {
        if engine.isForThisMachineOnly, !LoopbackHost.includes(request.host ?? "") {
            return failure(.foreignHost(request.host), nil)
        }
        if request.path.first == "assets" { return site.asset(request.path.dropFirst().first ?? "") ?? notFound(nil) }
        if request.path == ["sign-in"] { return await signIn.respond(to: request) }
        guard let name = Self.sessionCookie.value(in: request),
            let session = sessions.session(name, at: engine.signIn.time)
        else { return isSignOut(request) ? signIn.confirmEnd() : signIn.ask(for: request) }
        let objection = request.isPost ? objection(to: request, session) : nil
        let kept = objection == nil ? nil : KeptForm(request)
        if let objection, kept?.mark != FormToken.mark(of: session.owner) {
            guard isSignOut(request) else { return failure(objection, nil) }
            return failure(.expiredSignOut, try? self.visit(request, session, name))
        }
        if isSignOut(request) { return signIn.end(name) }
        var visit: Visit
        do throws(AuthenticationFailure) {
            guard let made = try self.visit(request, session, name) else { return notFound(nil) }
            visit = made
        } catch {
            // The access key is gone or inactive, or the session of a role is over.
            return signIn.end(name, refusing: request)
        }
        if request.path == ["region"] { return await RegionSwitch(visit: visit).respond() }
        guard request.path.count > 1 else { return .seeOther("\(visit.base)/keys") }
        if let kept {
            visit = visit.showing(kept.fields, saying: .expired(kept))
        } else if request.isPost {
            let (response, isRepeated) = await session.sentForms.answer(to: request) { [visit] in await answer(visit) }
            if isRepeated { visit.notices.leaveForRepetition() }
            return response
        } else if let kept = session.keptForm.take(for: request.target) {
            visit = visit.showing(kept.form.fields, saying: kept.failure)
        }
        return await answer(visit)
    }

    /// Whether somebody of this console's visitors wants to leave.
    private func isSignOut(_ request: ConsoleRequest) -> Bool {
        request.path == ["sign-out"] && request.isPost && !request.isCrossSite
    }

    private func answer(_ visit: Visit) async -> ConsoleResponse {
        do throws(ConsoleFailure) {
            return try await page(visit) ?? notFound(visit)
        } catch {
            return failure(error, visit)
        }
    }

    /// The visit of a region: of the one that the path names, or of the one that the visitor begins in or chooses.
    ///
    /// - Returns: Nil for what is no region of the visitor's.
    private func visit(
        _ request: ConsoleRequest, _ session: ConsoleSession, _ name: String
    ) throws(AuthenticationFailure) -> Visit? {
        let chosen = request.path == ["region"] ? request.query["name"] : nil
        let named = isSignOut(request) ? nil : chosen ?? request.path.first
        guard let region = named.map({ Region($0) }) ?? session.home else { return nil }
        do throws(AuthenticationFailure) {
            let caller = try engine.signIn.caller(session.accessKeyID, token: session.securityToken, in: region)
            return Visit(
                request: request, session: session, caller: caller, engine: engine, site: site,
                notices: Notices(sessions: sessions, name: name))
        } catch .wrongRegion {
            return nil
        }
    }

    private func page(_ visit: Visit) async throws(ConsoleFailure) -> ConsoleResponse? {
        let rest = Array(visit.request.path.dropFirst(2))
        switch visit.request.path[1] {
        case "keys" where rest.isEmpty: return try await KeyListPage(visit, .keys).respond()
        case "keys" where rest.count <= 2:
            return try await KeyPage(visit: visit, id: rest[0]).respond(rest.dropFirst().first)
        case "usage" where rest.isEmpty: return await UsagePage(visit: visit).respond()
        case "audit" where rest.isEmpty: return try await AuditPage(visit: visit).respond()
        case "managed" where rest.isEmpty: return try await KeyListPage(visit, .managed).respond()
        case "create" where rest.isEmpty: return await CreateKeyPage(visit).respond()
        case "access": return try await AccessPages(visit: visit).respond(to: rest)
        case "explain" where rest.isEmpty: return await ExplainPage(visit: visit).respond()
        default: return nil
        }
    }

    /// Why a form is not taken: nil for one that was made by this server for this session, and sent from a page of it.
    private func objection(to request: ConsoleRequest, _ session: ConsoleSession) -> ConsoleFailure? {
        if request.isCrossSite { return .foreignForm(request) }
        guard let token = FormToken(request.form["token"] ?? ""),
            ConsoleToken.areEqual(token.session, session.formToken)
        else { return .expiredForm }
        return nil
    }

    /// The answer to a request that cannot be read, or that is none of the console's.
    package func refusal(_ status: Int, _ message: String) -> ConsoleResponse {
        failure(ConsoleFailure("BadRequest", message, status: status), nil)
    }

    private func notFound(_ visit: Visit?) -> ConsoleResponse {
        failure(ConsoleFailure("NotFound", "There is no such page.", status: 404), visit)
    }

    private func failure(_ failure: ConsoleFailure, _ visit: Visit?) -> ConsoleResponse {
        let frame = visit?.frame("Something went wrong", at: nil) ?? site.frame("Something went wrong")
        let screen = Screen(frame: frame, alert: Alert(failure), content: visit?.base ?? "/console")
        return .page(site.templates.render(.failure, screen), status: failure.status)
    }
}
