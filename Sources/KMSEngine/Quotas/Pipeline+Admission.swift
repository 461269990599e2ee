import KMSAccess
import KMSModel

extension Pipeline {
    /// Counts a request against the quotas of the caller's account: one is a request whatever its result, even if it cannot
    /// be read.
    ///
    /// It comes before the look at any key, so that being slowed down tells nothing of one.
    func admit(
        _ caller: Caller, _ operation: ChargedOperation, _ request: Result<JSONObject, KMSError>
    ) throws(KMSError) {
        let object = (try? request.get()) ?? JSONObject()
        let charges = operation.charges(for: object, in: caller.region, amongst: regions)
        try quotas.admit(charges, of: caller.principal.account)
    }
}
