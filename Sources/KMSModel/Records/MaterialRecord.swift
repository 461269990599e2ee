package import struct Foundation.Date

/// One generation of a key's material, encrypted under its region's domain key.
package struct MaterialRecord: Sendable, Equatable {
    /// What it is of.
    package let key: KeyARN
    /// What kind of key material it is.
    package let spec: KeySpec
    /// The identifier, unique of its kind.
    package let id: KeyMaterialID
    /// When it was made, or first imported.
    package let creationDate: Date
    /// What the cryptography module wrapped; only it can open it.
    ///
    /// Nil while imported material is not there: not yet imported into this region, deleted, or expired.
    package var wrapped: [UInt8]?
    /// How the material came into use, or that it did not yet.
    package var stage: MaterialStage
    /// When imported material expires, or did; nil for material that does not, was deleted, or was never there.
    package var validTo: Date?
    /// What the importer wrote beside imported material.
    package var description: String?

    package init(
        key: KeyARN, id: KeyMaterialID, spec: KeySpec, creationDate: Date, wrapped: [UInt8]?,
        stage: MaterialStage = .first, validTo: Date? = nil, description: String? = nil
    ) {
        self.key = key
        self.id = id
        self.spec = spec
        self.creationDate = creationDate
        self.wrapped = wrapped
        self.stage = stage
        self.validTo = validTo
        self.description = description
    }

    /// Whether the key needs this material for good: once material was in use, ciphertexts may depend on it.
    package var isBound: Bool { stage != .pending }

    /// Whether the bytes are there.
    package var isPresent: Bool { wrapped != nil }

    /// Whether the bytes were there until they expired.
    package var isExpired: Bool { wrapped == nil && validTo != nil }
}

/// How a generation of key material came into use.
package enum MaterialStage: Sendable, Equatable {
    /// Imported, and not in use until the key is rotated.
    case pending
    /// The key's first material.
    case first
    /// It replaced the material before it.
    case rotated(at: Date, by: RotationType)
}

/// What made a key's material be replaced (API model, `RotationType`).
package enum RotationType: String, Sendable, Hashable, CaseIterable {
    case automatic = "AUTOMATIC"
    case onDemand = "ON_DEMAND"
}
