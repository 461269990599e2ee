import Foundation
package import KMSCrypto
import KMSModel
import KMSStore
package import Logging
import ServiceLifecycle

/// The work that time brings: the end of keys whose waiting period is over, and rotations that are due.
///
/// What is done is a function of the state and the time, so moving the clock is enough to make it happen.
package actor Housekeeping: Service {
    private let directory: KeyDirectory
    private let ledger: Ledger
    private let keyring: Keyring
    private let audit: AuditLog
    private let clock: any Clock
    private let interval: Duration
    private let logger: Logger

    /// - Parameter interval: How long to wait between two looks at the clock.
    package init(
        directory: KeyDirectory, ledger: Ledger, keyring: Keyring, audit: AuditLog, clock: any Clock,
        interval: Duration = .seconds(1), logger: Logger
    ) {
        self.directory = directory
        self.ledger = ledger
        self.keyring = keyring
        self.audit = audit
        self.clock = clock
        self.interval = interval
        self.logger = logger
    }

    /// Does what is due, again and again, until the server shuts down.
    package func run() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.doWhatIsDue()
                try? await Task.sleep(for: self.interval)
            }
        }
    }

    /// Does everything that is due at the present time, and returns when it is durable.
    ///
    /// What fails is logged and stays due. A key that missed several rotations, because the clock was moved or the server
    /// was off, gets one new generation of material for each.
    package func doWhatIsDue() async {
        var failed: Set<KeyARN> = []
        while true {
            let now = clock.now
            let due = directory.keysDue(at: now).filter { !failed.contains($0.arn) }
            guard !due.isEmpty else { return }
            for key in due where await !settle(key, at: now) { failed.insert(key.arn) }
        }
    }

    /// Does the one thing that is due for `key`; answers whether it was done or is no longer due.
    private func settle(_ key: KeySnapshot, at now: Date) async -> Bool {
        do {
            switch key.record.state {
            case .pendingDeletion: try await delete(key, at: now)
            default: try await rotate(key, at: now)
            }
            return true
        } catch let error as StoreError where error.isConflict {
            // A request changed the key meanwhile; the next look sees what is due then.
            return true
        } catch {
            logger.error("Work that is due failed", metadata: ["key": "\(key.arnText)", "reason": "\(error)"])
            return false
        }
    }

    private func delete(_ key: KeySnapshot, at now: Date) async throws {
        try await ledger.commit(Change([.deleteKey(key.arn, expecting: key.record.version)]))
        keyring.forget(key.arn)
        try await record("DeleteKey", of: key, at: now, details: nil)
    }

    private func rotate(_ key: KeySnapshot, at now: Date) async throws {
        guard let schedule = key.record.rotation else { return }
        let material = try MaterialRecord(generatedBy: keyring, for: key.arn, spec: key.record.spec, at: now)
        let change = key.change {
            $0.currentMaterial = material.id
            $0.rotation = RotationSchedule(
                periodInDays: schedule.periodInDays,
                nextRotation: schedule.nextRotation.adding(days: schedule.periodInDays)
            )
        }
        guard let change else { return }
        try await ledger.commit(Change([.insertMaterial(material)] + change.mutations))
        let details = JSONObject([
            "rotationType": .string("AUTOMATIC"), "keyId": .string(key.arn.keyID.description),
        ])
        try await record("RotateKey", of: key, at: now, details: details)
    }

    private func record(_ event: String, of key: KeySnapshot, at now: Date, details: JSONObject?) async throws {
        var record = AuditRecord(
            time: now, eventName: event, eventID: RequestID.make(), region: key.arn.region, account: key.arn.account,
            origin: .service(details: details)
        )
        record.isReadOnly = false
        record.resources = [(key.arn.account, key.arnText)]
        try await audit.append(record.line(), durably: true)
    }
}
