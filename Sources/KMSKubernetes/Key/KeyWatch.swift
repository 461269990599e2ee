import KMSModel
import Logging

/// Knows which key and material is current and whether they work, and asks the KMS no more often than that needs.
actor KeyWatch {
    /// What Kubernetes is told.
    struct Report: Sendable {
        /// What is wrong; nil if nothing is.
        let problem: String?
        /// Nil before the KMS has ever said it.
        let key: KeyEncryptionKey?
    }

    /// For how long a report is good: many that ask at once, or a probe each second, cost the KMS nothing.
    private static let freshness: Duration = .seconds(5)
    /// How often it is proved that the key encrypts and decrypts while all is well; API servers ask about each minute.
    private static let proofInterval: Duration = .seconds(60)
    /// How often a node of the KMS that lags behind may do an encryption before it counts as failed.
    private static let attempts = 2
    /// As many bytes as Kubernetes encrypts.
    private static let sampleCount = 32

    private let key: ConfiguredKey
    private let now: @Sendable () -> ContinuousClock.Instant
    private let logger: Logger
    private var history = KeyHistory()
    private var last: Report?
    /// When ``last`` was made; nil when it is not to be relied on.
    private var lastTime: ContinuousClock.Instant?
    private var proof: (of: KeyEncryptionKey, at: ContinuousClock.Instant)?
    private var examination: Task<Report, Never>?

    init(_ key: ConfiguredKey, now: @escaping @Sendable () -> ContinuousClock.Instant, logger: Logger) {
        self.key = key
        self.now = now
        self.logger = logger
    }

    /// How the key is: from the KMS, unless that was asked just now.
    func report(until deadline: ContinuousClock.Instant) async -> Report {
        // One question for all who ask meanwhile.
        if let examination { return await examination.value }
        // What was encrypted since may have shown that the KMS has rotated.
        if let last, let lastTime, last.key == history.current, now() - lastTime < Self.freshness { return last }
        let task = Task { await examine(until: deadline) }
        examination = task
        return await task.value
    }

    /// Which key is meant now, whether it works or not.
    func currentKey(until deadline: ContinuousClock.Instant) async throws(KMSFailure) -> KeyEncryptionKey {
        if let current = history.current { return current }
        let description = try await key.describe(until: deadline)
        observe(description.key, since: nil)
        return history.current ?? description.key
    }

    /// Encrypts with what the last report says to be current, or with what the KMS has rotated it to, which is what the next
    /// report says.
    ///
    /// Kubernetes throws away what was encrypted with anything else, and an API server that starts then has no seed. So it is
    /// not an alias that the KMS is given, which can have been pointed elsewhere since, but the key.
    ///
    /// - Throws: ``KMSFailure``, after which the next report is not one from memory.
    func encrypt(
        _ plaintext: SecretBytes, until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> (ciphertext: [UInt8], key: KeyEncryptionKey) {
        do throws(KMSFailure) {
            return try await encryptWithCurrent(plaintext, until: deadline)
        } catch {
            (lastTime, proof) = (nil, nil)
            throw error
        }
    }

    private func encryptWithCurrent(
        _ plaintext: SecretBytes, until deadline: ContinuousClock.Instant
    ) async throws(KMSFailure) -> (ciphertext: [UInt8], key: KeyEncryptionKey) {
        var attempt = 1
        while true {
            let before = history.current
            let encrypted = try await key.encrypt(plaintext, under: before?.arn, until: deadline)
            if encrypted.key.material == nil, before?.material != nil {
                throw .unexpectedAnswer("it does not say which key material decrypts, so a rotation would not be seen")
            }
            observe(encrypted.key, since: before)
            if encrypted.key == history.current {
                proof = (encrypted.key, now())
                return encrypted
            }
            guard attempt < Self.attempts else { throw .outdated(encrypted.key) }
            attempt += 1
        }
    }

    /// Believes an answer, unless another was believed since it was asked for: then it may be the older of the two.
    private func observe(_ key: KeyEncryptionKey, since before: KeyEncryptionKey?) {
        if history.current == before { history.observe(key, at: now()) }
    }

    private func examine(until deadline: ContinuousClock.Instant) async -> Report {
        let problem: String?
        do throws(KMSFailure) {
            problem = try await findProblem(until: deadline)
        } catch {
            problem = error.description
        }
        if problem != nil { proof = nil }
        let report = Report(problem: problem, key: history.current)
        logChange(to: report)
        // At once: who asks from now on may have seen an encryption that this report does not know of.
        (last, lastTime, examination) = (report, now(), nil)
        return report
    }

    private func findProblem(until deadline: ContinuousClock.Instant) async throws(KMSFailure) -> String? {
        let before = history.current
        let description = try await key.describe(until: deadline)
        observe(description.key, since: before)
        // While an alias that was pointed back is not believed, only encrypting says how the key is that is held on to.
        if description.key.arn == history.current?.arn {
            if let problem = description.problem {
                history.forgetSuperseded()
                return problem
            }
            if let proof, proof.of == history.current, now() - proof.at < Self.proofInterval { return nil }
        }
        do throws(KMSFailure) {
            _ = try await encrypt(Self.sample(), until: deadline)
        } catch {
            // What passes by itself says nothing of the key.
            if error.isOfKey { history.forgetSuperseded() }
            throw error
        }
        return nil
    }

    private static func sample() -> SecretBytes {
        var generator = SystemRandomNumberGenerator()
        return SecretBytes(copying: (0..<sampleCount).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    private func logChange(to report: Report) {
        let metadata: Logger.Metadata = ["key-id": "\(report.key?.description ?? "")"]
        if let problem = report.problem {
            guard problem != last?.problem else { return }
            logger.warning("The key does not work", metadata: metadata.merging(["reason": "\(problem)"]) { $1 })
        } else if last == nil || last?.problem != nil {
            logger.notice("The key works", metadata: metadata)
        } else if report.key != last?.key {
            logger.notice("The key has rotated", metadata: metadata)
        }
    }
}
