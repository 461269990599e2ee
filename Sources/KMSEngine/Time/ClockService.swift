package import Foundation
package import KMSAccess
package import KMSModel
import KMSStore
import ServiceLifecycle

/// Moves the clock of a development server: `chatelaine clock advance`.
///
/// It is an API of its own beside the KMS's, signed like every other request; only a root user may use it.
package actor ClockService {
    /// The setting in which the clock's lead is kept, in milliseconds as decimal digits.
    package static let setting = "clock.ahead-milliseconds"
    /// The furthest that one request may move the clock: a hundred years.
    private static let longestAdvance: TimeInterval = 100 * 366 * 86_400

    /// Where the clock stops, whoever moves it: 9000-01-01.
    ///
    /// What is written carries dates of years to come, and those
    /// are stored up to the year 9999.
    private static let end = Date(timeIntervalSince1970: 221_845_392_000)

    private let authenticator: Authenticator
    private let clock: ControllableClock
    private let ledger: Ledger
    private let audit: AuditLog
    private let outbox: AuditOutbox
    private let housekeeping: Housekeeping
    /// The move that was asked for last.
    private var lastMove: Task<Result<Void, KMSError>, Never>?

    /// Who asked for a move of the clock.
    private struct Request: Sendable {
        let caller: Caller
        let client: Client
        let requestID: String
    }

    init(
        authenticator: Authenticator, clock: ControllableClock, ledger: Ledger, audit: AuditLog, outbox: AuditOutbox,
        housekeeping: Housekeeping
    ) {
        self.authenticator = authenticator
        self.clock = clock
        self.ledger = ledger
        self.audit = audit
        self.outbox = outbox
        self.housekeeping = housekeeping
    }

    /// Moves the clock, does everything that is due by then, and answers the new time.
    ///
    /// The new lead is durable before anything happens at the new time, so a restart never goes back behind it.
    ///
    /// - Throws: ``KMSError`` with `DependencyTimeoutException` when the server is asked to end meanwhile: the clock has
    ///   moved, and what is not done yet is done at the next start.
    package func advance(
        _ request: SignedRequest, from client: Client, requestID: String
    ) async throws(KMSError) -> Date {
        let caller: Caller
        do throws(AuthenticationFailure) {
            caller = try authenticator.verify(
                request, expecting: .administration, at: clock.signingTime, serverTime: clock.now)
        } catch {
            throw KMSError(error)
        }
        let asked = Request(caller: caller, client: client, requestID: requestID)
        let seconds = Self.seconds(in: request.body)
        do throws(KMSError) {
            guard case .root = caller.principal else {
                throw KMSError(.accessDenied, "Only a root user may move the clock.")
            }
            guard let seconds else {
                throw KMSError(.validation, "Seconds must be a number from 0 to \(Int(Self.longestAdvance)).")
            }
            try await makeInTurn(seconds, asked)
        } catch {
            // The record of a move that failed half-way is kept with the move.
            if error.code != .kmsInternal { try await keepRecord(of: error, asked, seconds) }
            throw error
        }
        await housekeeping.doWhatIsDue()
        guard !Task.isShuttingDownGracefully else {
            throw KMSError(
                .dependencyTimeout,
                "The clock has moved, but the server is ending. What is due and not done yet is done at its next start."
            )
        }
        return clock.now
    }

    /// Makes a move once every move is over that was asked for before.
    ///
    /// Between reading the lead and raising it lies a write to the store: two moves at a time would both write the same one.
    private func makeInTurn(_ seconds: TimeInterval, _ request: Request) async throws(KMSError) {
        let earlier = lastMove
        let task = Task { () -> Result<Void, KMSError> in
            _ = await earlier?.value
            do throws(KMSError) {
                return .success(try await make(seconds, request))
            } catch {
                return .failure(error)
            }
        }
        lastMove = task
        try await task.value.get()
    }

    private func make(_ seconds: TimeInterval, _ request: Request) async throws(KMSError) {
        guard clock.now.addingTimeInterval(seconds) < Self.end else {
            throw KMSError(.validation, "The clock cannot be moved beyond the year 8999.")
        }
        let lead = Int64(((clock.offset + seconds) * 1000).rounded())
        let kept = KeptAuditLines([record(of: request, seconds, at: clock.now.addingTimeInterval(seconds))])
        do {
            try await ledger.commit(
                Change([.setSetting(Self.setting, Array(String(lead).utf8))]), keeping: kept)
            clock.advance(by: seconds)
            if let kept { try await outbox.write([kept]) }
        } catch {
            throw KMSError(.kmsInternal, "The clock could not be moved.")
        }
    }

    /// The lead that a stored setting stands for, in seconds; zero when there is none.
    package static func lead(in setting: [UInt8]?) -> TimeInterval {
        setting.flatMap { Int64(String(decoding: $0, as: UTF8.self)) }.map { TimeInterval($0) / 1000 } ?? 0
    }

    /// How far the clock is to be moved; nil for what is no such number.
    private static func seconds(in body: [UInt8]) -> TimeInterval? {
        guard case .object(let object)? = try? JSONParser.parse(body, refusingDuplicates: true),
            case .number(let digits)? = object["Seconds"],
            let seconds = TimeInterval(digits), seconds >= 0, seconds <= longestAdvance
        else { return nil }
        return seconds
    }

    // MARK: Records

    private func record(of request: Request, _ seconds: TimeInterval?, at time: Date) -> AuditRecord {
        let caller = request.caller
        var record = AuditRecord(
            time: time, eventSource: "chatelaine", eventName: "AdvanceClock", eventID: RequestID.make(),
            region: caller.region, account: caller.principal.account,
            origin: .call(caller, client: request.client, requestID: request.requestID)
        )
        record.isReadOnly = false
        record.requestParameters = seconds.map { JSONObject(["seconds": .number("\($0)")]) }
        return record
    }

    private func keepRecord(
        of refusal: KMSError, _ request: Request, _ seconds: TimeInterval?
    ) async throws(KMSError) {
        var record = record(of: request, seconds, at: clock.now)
        record.outcome = AuditRecord.Failure(refusal)
        do throws(AuditFailure) {
            try await audit.append(record.line(), .now)
        } catch {
            audit.report(error, of: request.requestID)
            throw KMSError(error)
        }
    }
}
