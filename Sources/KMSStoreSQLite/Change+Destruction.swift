import KMSStore

extension Change {
    /// Whether bytes of wrapped secrets have to be gone afterwards.
    var destroysSecrets: Bool {
        mutations.contains { mutation in
            switch mutation {
            case .deleteKey, .updateMaterial, .deleteMaterial, .updateAccessKey, .deleteAccessKey,
                .updateKeyStore, .deleteKeyStore:
                true
            default: false
            }
        }
    }
}
