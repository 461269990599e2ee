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
        if let last, let lastTime, now() - lastTime < Self.freshness { return last }
        let task = Task { await examine(until: deadline) }
        examination = task
        let report = await task.value
        examination = nil
        return report
    }

    /// Which key is meant now, whether it works or not.
    func currentKey(until deadline: ContinuousClock.Instant) async throws(KMSFailure) -> KeyEncryptionKey {
        if let current = history.current { return current }
        let description = try await key.describe(until: deadline)
        history.observe(description.key, at: now())
        return description.key
    }

    /// Takes note of what was just used to encrypt, and to decrypt again.
    func didEncrypt(with key: KeyEncryptionKey) {
        history.observe(key, at: now())
        proof = (key, now())
    }

    /// Takes note that the KMS did not do what it was asked: the next report is not one from memory.
    func didFail() {
        lastTime = nil
        proof = nil
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
        (last, lastTime) = (report, now())
        return report
    }

    private func findProblem(until deadline: ContinuousClock.Instant) async throws(KMSFailure) -> String? {
        let description = try await key.describe(until: deadline)
        history.observe(description.key, at: now())
        if let problem = description.problem { return problem }
        if let proof, proof.of == history.current, now() - proof.at < Self.proofInterval { return nil }
        let encrypted = try await key.encrypt(Self.sample(), until: deadline)
        if encrypted.key.material == nil, description.key.material != nil {
            return "the server does not say which key material decrypts, so a rotation would not be seen"
        }
        didEncrypt(with: encrypted.key)
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
