import KMSCrypto
import KMSModel

/// What became of the records in the store when they were wrapped anew.
package struct RewrappingReport: Sendable, Equatable {
    /// How many secrets were wrapped anew.
    package var renewed = 0
    /// What opens under neither root key, by the names of the records.
    package var damaged: [String] = []

    static func += (report: inout Self, other: Self) {
        report.renewed += other.renewed
        report.damaged += other.damaged
    }

    /// Counts what `renew` makes of the record called `name`.
    ///
    /// - Returns: What it is wrapped as now; nil when it stays as it is.
    /// - Throws: ``CryptoFailure``, but for a record that does not open.
    mutating func renewing(
        _ name: String, _ renew: () throws(CryptoFailure) -> [UInt8]?
    ) throws(CryptoFailure) -> [UInt8]? {
        do throws(CryptoFailure) {
            guard let wrapped = try renew() else { return nil }
            renewed += 1
            return wrapped
        } catch .damagedRecord {
            damaged.append(name)
            return nil
        }
    }
}

extension MaterialRecord {
    /// What a person knows it by.
    var recordName: String { "the key material \(id) of \(key)" }
}

extension AccessKeyRecord {
    /// What a person knows it by.
    var recordName: String { "the secret of the access key \(id)" }
}
