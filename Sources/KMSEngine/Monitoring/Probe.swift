import Dispatch
import KMSStore
import Synchronization

/// Finds out whether the store and the audit log can be written again, once an attempt has failed.
///
/// As long as requests succeed they are proof enough. But a server that is said not to be ready gets no more requests, so it
/// has to try by itself.
final class Probe: Sendable {
    /// The setting that is written; what it holds is of no meaning.
    private static let setting = "monitoring.probe"
    /// How long the finding of one attempt serves everybody who asks.
    private static let interval: UInt64 = 1_000_000_000

    private struct Finding {
        var problems: [String] = []
        var watch: Stopwatch?
    }

    private let store: any Store
    /// Where many nodes share the store.
    private let contact: StoreContact?
    private let audit: AuditLog
    private let metrics: Metrics
    private let last = Mutex(Finding())

    init(store: any Store, contact: StoreContact? = nil, audit: AuditLog, metrics: Metrics) {
        self.store = store
        self.contact = contact
        self.audit = audit
        self.metrics = metrics
    }

    /// What keeps the server from answering.
    func problems() async -> [String] {
        let auditFails = metrics.auditAppends.hasFailedLast || metrics.auditSyncs.hasFailedLast
        if let contact {
            // Most of what a node is asked it answers from memory: that it cannot write does not make it useless.
            if case .refusing(let silence) = contact.standing {
                return ["the store has not answered for \(silence.components.seconds) s"]
            }
        }
        let storeFails = contact == nil && metrics.commits.hasFailedLast
        guard auditFails || storeFails else { return [] }
        let known = last.withLock { last -> [String]? in
            if let watch = last.watch, watch.elapsed < Self.interval { return last.problems }
            // Who asks meanwhile is told that nothing has changed.
            last.watch = Stopwatch()
            return nil
        }
        if let known { return known }
        var problems: [String] = []
        if storeFails, let reason = await storeProblem() { problems.append("the store: \(reason)") }
        if auditFails, let reason = await auditProblem() { problems.append("the audit log: \(reason)") }
        last.withLock { $0 = Finding(problems: problems, watch: Stopwatch()) }
        return problems
    }

    /// What whoever watches should know though the server answers.
    var remarks: [String] {
        guard case .cutOff(let silence, let left)? = contact?.standing else { return [] }
        return [
            "the store has not answered for \(silence.components.seconds) s: answering from memory for "
                + "\(left.components.seconds) s more"
        ]
    }

    private func storeProblem() async -> String? {
        do throws(StoreError) {
            try await store.commit(Change([.noteSetting(Self.setting, [])]))
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func auditProblem() async -> String? {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [audit] in
                do throws(AuditFailure) {
                    try audit.probe()
                    continuation.resume(returning: nil)
                } catch {
                    continuation.resume(returning: error.description)
                }
            }
        }
    }
}
