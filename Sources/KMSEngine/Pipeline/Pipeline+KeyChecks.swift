import KMSModel

extension Pipeline {
    /// Refuses keys in the wrong state.
    func checkStates(of accesses: [Access], for operation: OperationDescription) throws(KMSError) {
        for access in accesses {
            switch access.resource {
            case .key(let key, checksState: true), .keyOfCiphertext(let key):
                try KindRules.check(operation.name, on: key)
                try StateTable.check(operation.name, on: key, in: keyStores.state(of: key))
            case .key(_, checksState: false), .grant, .alias, .identity, .account, .hidden: break
            }
        }
    }

    /// Refuses keys that were made for another use.
    static func checkUsage(of accesses: [Access], for operation: OperationDescription) throws(KMSError) {
        guard let usage = operation.usage else { return }
        for case let key? in accesses.lazy.map(\.key) where key.record.usage != usage {
            throw KMSError(
                .invalidKeyUsage,
                "\(key.arnText) key usage is \(key.record.usage.rawValue) which is not valid for "
                    + "\(operation.name.rawValue)."
            )
        }
    }
}
