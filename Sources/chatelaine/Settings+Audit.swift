import KMSEngine

extension Settings {
    /// The smallest size of a file: a few records.
    private static let smallestFile = 4096
    private static let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)]
    /// Longer than anybody keeps anything: a hundred years.
    private static let mostDays = 36_500

    /// What the options of a serving command say about the audit log.
    func audit(_ options: ServerOptions) throws -> AuditConfiguration {
        var configuration = AuditConfiguration()
        if let text = value("audit-file-size", flag: options.auditFileSize) {
            guard let size = Self.byteCount(text), size >= Self.smallestFile else {
                throw CommandFailure.configuration(
                    "\"\(text)\" is not a size of a file, such as 64MiB, of 4KiB at least")
            }
            configuration.fileSize = size
        }
        if let text = value("audit-retention-days", flag: options.auditRetentionDays) {
            let fewest = AuditConfiguration.fewestRetentionDays
            guard let days = Int(text), (fewest...Self.mostDays).contains(days) else {
                throw CommandFailure.configuration("\"\(text)\" is not a number of days, \(fewest) at least")
            }
            configuration.retentionInDays = days
        }
        if let text = value("audit-sync", flag: options.auditSync) {
            guard let policy = AuditConfiguration.SyncPolicy(rawValue: text) else {
                throw CommandFailure.configuration("\"\(text)\" is neither each-second nor every-group")
            }
            configuration.sync = policy
        }
        return configuration
    }

    private static func byteCount(_ text: String) -> Int? {
        for (unit, shift) in units where text.hasSuffix(unit) {
            guard let count = Int(text.dropLast(unit.count)), (0...Int.max >> shift).contains(count) else { return nil }
            return count << shift
        }
        return Int(text)
    }
}
