import Foundation
import KMSAccess
import KMSEngine
import KMSModel

/// Holding requests to the quotas of their accounts, as the server does it before anything else.
struct Admission {
    private let throttle: Throttle
    private let operation: ChargedOperation
    private let region: Region
    private let accounts: [AccountID]
    private let request = JSONObject(["KeyId": .string("alias/a"), "Plaintext": .string("YQ==")])
    private var turn = 0

    init() throws {
        // As much as there can be, so that it is admissions that are measured.
        let overrides = try QuotaOverrides(json: #"{"*":{"requests":{"symmetric":1000000}}}"#.utf8)
        throttle = Throttle(QuotaSettings(profile: .aws, overrides: overrides))
        guard let encrypt = Catalogue.operation(.encrypt), let region = Region("eu-central-1") else {
            throw CocoaError(.coderInvalidValue)
        }
        operation = ChargedOperation(encrypt.description)
        self.region = region
        accounts = (0..<1000).compactMap { AccountID(String(111_122_223_333 + $0)) }
    }

    /// - Returns: 1 for a request that is admitted.
    mutating func admit(amongst count: Int) -> Int {
        turn += 1
        let charges = operation.charges(for: request, in: region, amongst: .anyWellFormed)
        return throttle.refusal(of: charges, to: accounts[turn % count]) == nil ? 1 : 0
    }
}
