package import KMSModel
import Synchronization

/// The requests that were answered, by operation and outcome, and how long they took.
///
/// Labels come from the API's model and from this program's own refusals, never from what a client sent.
package final class RequestMetrics: Sendable {
    /// An API that the server answers.
    package enum API: String, Sendable, Hashable {
        case kms, iam, sts, cloudtrail
        /// What another KMS asks of keys that it keeps here.
        case keyStoreProxy = "kms-xks-proxy"
        /// What this server asks of the proxies of external key stores.
        case externalKeyStore = "external-key-store"
    }

    /// An operation of an API.
    struct Name: Hashable, Comparable {
        let api: API
        let operation: String

        static func < (left: Self, right: Self) -> Bool {
            (left.api.rawValue, left.operation) < (right.api.rawValue, right.operation)
        }
    }

    /// How many operations of other APIs are told apart; it is more than there are.
    private static let mostOthers = 512

    /// Those of KMS, by the indices of their names.
    private let kms = OperationName.allCases.map { (name: $0, meter: OperationMeter()) }
    private let others = Mutex<[Name: OperationMeter]>([:])

    init() {}

    /// Counts a request of KMS.
    ///
    /// - Parameter code: That of the error; nil after a success.
    package func record(_ operation: OperationName, _ code: KMSError.Code?, _ watch: Stopwatch) {
        kms[operation.index].meter.record(code?.rawValue, watch.elapsed)
    }

    /// Counts a request of another API.
    ///
    /// - Parameters:
    ///   - operation: An operation that the API has.
    ///   - code: That of the error; nil after a success.
    package func record(_ api: API, _ operation: String, _ code: String?, _ watch: Stopwatch) {
        let name = Name(api: api, operation: operation)
        let meter = others.withLock { others -> OperationMeter? in
            if let meter = others[name] { return meter }
            guard others.count < Self.mostOthers else { return nil }
            let meter = OperationMeter()
            others[name] = meter
            return meter
        }
        meter?.record(code, watch.elapsed)
    }

    /// Every operation that was called.
    var operations: [(name: Name, meter: OperationMeter)] {
        let own = kms.map { (name: Name(api: .kms, operation: $0.name.rawValue), meter: $0.meter) }
        let all = own + others.withLock { $0.map { (name: $0.key, meter: $0.value) } }
        return all.filter { !$0.meter.outcomes.isEmpty }.sorted { $0.name < $1.name }
    }
}

/// The requests of one operation.
final class OperationMeter: Sendable {
    /// What an outcome is called that is no error.
    private static let success = "Success"

    let latency = LatencyHistogram()
    private let successes = Atomic<UInt64>(0)
    private let failures = Mutex<[String: UInt64]>([:])

    func record(_ code: String?, _ nanoseconds: UInt64) {
        latency.record(nanoseconds)
        if let code {
            failures.withLock { $0[code, default: 0] += 1 }
        } else {
            successes.add(1, ordering: .relaxed)
        }
    }

    /// How often each outcome came that came at all.
    var outcomes: [(outcome: String, count: UInt64)] {
        let count = successes.load(ordering: .relaxed)
        let failed = failures.withLock { $0 }.sorted { $0.key < $1.key }.map { (outcome: $0.key, count: $0.value) }
        return (count == 0 ? [] : [(Self.success, count)]) + failed
    }
}
