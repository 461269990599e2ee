import Foundation
import KMSModel
import KMSStore

/// What an engine tells those who watch over it.
package struct Monitoring: Sendable {
    /// How many keys of one account have the end of their material shown, the first to end first.
    static let mostExpiries = 10

    /// What there is to tell of an engine.
    private struct Subject: Sendable {
        let figures: @Sendable () -> KeyFigures
        let residents: (@Sendable () -> Residents)?
        let throttle: Throttle
        let clock: any Clock
        let probe: Probe
    }

    private let metrics: Metrics
    private let subject: Subject?

    init(
        metrics: Metrics, figures: @escaping @Sendable () -> KeyFigures, residents: (@Sendable () -> Residents)?,
        throttle: Throttle, probe: Probe, clock: any Clock
    ) {
        self.metrics = metrics
        subject = Subject(figures: figures, residents: residents, throttle: throttle, clock: clock, probe: probe)
    }

    /// What a server tells that has no engine yet, because it waits for its root key.
    package init(_ metrics: Metrics) {
        self.metrics = metrics
        subject = nil
    }

    /// Why the server cannot answer at present; nothing when it can.
    package func problems() async -> [String] {
        switch metrics.phase {
        case .starting: return ["starting"]
        case .sealed: return ["sealed"]
        case .ending: return ["ending"]
        case .serving: return await subject?.probe.problems() ?? []
        }
    }

    /// What whoever watches should know though the server answers.
    package var remarks: [String] { subject?.probe.remarks ?? [] }

    /// All metrics at this moment, in Prometheus's format.
    ///
    /// It takes a millisecond or more, and looks into `/proc`: away from an event loop.
    ///
    /// - Parameter version: That of the program.
    package func exposition(version: String) -> String {
        var text = Exposition()
        text.family("chatelaine_build_info", .gauge, "The version that runs.")
        text.sample("chatelaine_build_info", [("version", version)], 1)
        text.metric(
            "chatelaine_sealed", .gauge, "Whether the server waits for its root key.", metrics.phase == .sealed ? 1 : 0)
        addRequests(to: &text)
        addTransport(to: &text)
        addDurability(to: &text)
        if let subject { addKeys(of: subject, to: &text) }
        subject?.residents?().add(to: &text)
        ProcessStatistics.now.add(to: &text)
        return text.text
    }

    private func addRequests(to text: inout Exposition) {
        let operations = metrics.requests.operations
        var name = "chatelaine_requests_total"
        text.family(name, .counter, "Requests by operation and outcome: Success, or the code of the error.")
        for (operation, meter) in operations {
            for (outcome, count) in meter.outcomes {
                let labels = [
                    ("api", operation.api.rawValue), ("operation", operation.operation), ("outcome", outcome),
                ]
                text.sample(name, labels, count)
            }
        }
        name = "chatelaine_request_duration_seconds"
        text.family(name, .histogram, "From the request's last byte to its answer, without the network.")
        for (operation, meter) in operations {
            text.histogram(
                name, [("api", operation.api.rawValue), ("operation", operation.operation)], meter.latency)
        }
        name = "chatelaine_throttled_requests_total"
        text.family(name, .counter, "Requests that were refused because a request quota was used up.")
        for (quota, count) in subject?.throttle.refusals ?? [] where count > 0 {
            text.sample(name, [("quota", quota.name)], count)
        }
    }

    private func addTransport(to text: inout Exposition) {
        let transport = metrics.transport
        let (accepted, open) = transport.connections
        text.metric("chatelaine_connections", .gauge, "Open connections.", open)
        text.metric("chatelaine_connections_accepted_total", .counter, "Connections since the start.", accepted)
        text.metric(
            "chatelaine_requests_in_flight", .gauge, "Requests that are being answered.", transport.requestsInFlight)
        text.family("chatelaine_http_responses_total", .counter, "Answers by their status.")
        for (status, count) in transport.responses {
            text.sample("chatelaine_http_responses_total", [("code", "\(status)")], count)
        }
        guard let end = transport.certificateEnd else { return }
        let handshakes = transport.handshakes
        text.family("chatelaine_tls_handshakes_total", .counter, "Handshakes by how they ended.")
        text.sample("chatelaine_tls_handshakes_total", [("result", "finished")], handshakes.finished)
        text.sample("chatelaine_tls_handshakes_total", [("result", "failed")], handshakes.failed)
        text.metric(
            "chatelaine_tls_certificate_not_after_timestamp_seconds", .gauge,
            "When the first certificate of the chain ends.", end.timeIntervalSince1970)
        text.family("chatelaine_tls_certificate_reloads_total", .counter, "Attempts to replace the certificate.")
        let reloads = transport.certificateReloads
        text.sample("chatelaine_tls_certificate_reloads_total", [("result", "replaced")], reloads.replaced)
        text.sample("chatelaine_tls_certificate_reloads_total", [("result", "failed")], reloads.failed)
        text.metric(
            "chatelaine_tls_certificate_last_reload_failed", .gauge,
            "Whether the files hold what cannot be used, so that the certificate before it is shown.",
            transport.hasKeptCertificateLast ? 1 : 0)
    }

    private func addDurability(to text: inout Exposition) {
        for (metrics, name, what) in [
            (metrics.commits, "store_commit", "Commits of the store"),
            (metrics.auditAppends, "audit_append", "Writing records to the audit log"),
            (metrics.auditSyncs, "audit_sync", "Syncs of the audit log, each for all records that wait"),
        ] {
            text.family("chatelaine_\(name)_duration_seconds", .histogram, "\(what): how long they took.")
            text.histogram("chatelaine_\(name)_duration_seconds", [], metrics.latency)
            text.metric("chatelaine_\(name)_failures_total", .counter, "\(what) that failed.", metrics.failureCount)
        }
        text.metric(
            "chatelaine_store_conflicts_total", .counter, "Changes that were made anew because another came first.",
            metrics.conflictCount)
    }

    private func addKeys(of subject: Subject, to text: inout Exposition) {
        let figures = subject.figures()
        text.family("chatelaine_keys", .gauge, "Keys of all accounts and regions.")
        for (kind, count) in figures.counts.sorted(by: { $0.key < $1.key }) {
            let labels = [
                ("state", kind.state.rawValue), ("spec", kind.spec.rawValue), ("origin", kind.origin.rawValue),
                ("manager", kind.manager.rawValue),
            ]
            text.sample("chatelaine_keys", labels, count)
        }
        let now = subject.clock.now
        func seconds(to event: KeyEvent) -> Double? {
            figures.first[event]?.timeIntervalSince(now)
        }
        text.metric(
            "chatelaine_next_rotation_seconds", .gauge, "Until the next key is rotated by itself.",
            seconds(to: .rotation))
        text.metric(
            "chatelaine_next_deletion_seconds", .gauge, "Until the next key ends.", seconds(to: .deletion))
        let name = "chatelaine_key_material_expiration_seconds"
        text.family(
            name, .gauge,
            "Until imported material ends, of the \(Self.mostExpiries) keys of each account for which that is first.")
        for due in figures.expiries {
            let key = due.key
            let labels = [
                ("key_id", key.keyID.description), ("region", key.region.description),
                ("account", key.account.description),
            ]
            text.sample(name, labels, due.date.timeIntervalSince(now))
        }
        text.metric(
            "chatelaine_next_key_material_expiration_seconds", .gauge, "Until the first imported material ends.",
            seconds(to: .expiry))
        text.metric(
            "chatelaine_keys_with_ending_material", .gauge, "Keys of all accounts whose imported material ends.",
            figures.expiryCount)
        let (last, failures) = metrics.housekeeping
        text.metric(
            "chatelaine_housekeeping_last_run_timestamp_seconds", .gauge, "When all that was due had last been done.",
            last?.timeIntervalSince1970)
        text.metric(
            "chatelaine_housekeeping_failures_total", .counter, "Work that was due and could not be done.", failures)
    }
}
