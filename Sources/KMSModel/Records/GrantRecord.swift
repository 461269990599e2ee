package import struct Foundation.Date

/// The identifier of a grant: 64 lower-case hex digits.
package struct GrantID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number of bytes behind the hex digits.
    package static let byteCount = 32

    /// The 32 bytes.
    package let bytes: [UInt8]

    /// Returns nil unless there are exactly 32 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = bytes
    }

    /// Accepts exactly 64 lower-case hex digits.
    package init?(_ text: String) {
        guard text.utf8.count == 2 * Self.byteCount, let bytes = Hex.decode(text) else { return nil }
        self.bytes = bytes
    }

    package var description: String { Hex.encode(bytes) }

    /// Orders by the bytes, which is the order of the digits.
    package static func < (left: Self, right: Self) -> Bool { left.bytes.lexicographicallyPrecedes(right.bytes) }
}

/// What a grant may permit (API model, `GrantOperation`).
package enum GrantOperation: String, Sendable, Hashable, CaseIterable {
    case decrypt = "Decrypt"
    case encrypt = "Encrypt"
    case generateDataKey = "GenerateDataKey"
    case generateDataKeyWithoutPlaintext = "GenerateDataKeyWithoutPlaintext"
    case reEncryptFrom = "ReEncryptFrom"
    case reEncryptTo = "ReEncryptTo"
    case sign = "Sign"
    case verify = "Verify"
    case getPublicKey = "GetPublicKey"
    case createGrant = "CreateGrant"
    case retireGrant = "RetireGrant"
    case describeKey = "DescribeKey"
    case generateDataKeyPair = "GenerateDataKeyPair"
    case generateDataKeyPairWithoutPlaintext = "GenerateDataKeyPairWithoutPlaintext"
    case generateMac = "GenerateMac"
    case verifyMac = "VerifyMac"
    case deriveSharedSecret = "DeriveSharedSecret"

    /// Whether the operation has an encryption context, which a grant's constraints are about.
    package var hasEncryptionContext: Bool {
        switch self {
        case .decrypt, .encrypt, .generateDataKey, .generateDataKeyWithoutPlaintext, .reEncryptFrom, .reEncryptTo,
            .generateDataKeyPair, .generateDataKeyPairWithoutPlaintext:
            true
        default: false
        }
    }
}

/// What the encryption context of a request must be for a grant to permit it.
package struct GrantConstraints: Sendable, Equatable {
    /// The context must be just these pairs; nil when it may be any.
    package let equals: EncryptionContext?
    /// The context must have these pairs among others; nil when it need not.
    package let subset: EncryptionContext?

    /// No constraint.
    package static let none = GrantConstraints(equals: nil, subset: nil)

    /// A map without pairs is as good as none (what Terraform's AWS provider sends).
    package init(equals: EncryptionContext?, subset: EncryptionContext?) {
        self.equals = equals.flatMap { $0.isEmpty ? nil : $0 }
        self.subset = subset.flatMap { $0.isEmpty ? nil : $0 }
    }
}

/// A permission to use a key, beside its policy.
package struct GrantRecord: Sendable, Equatable {
    /// What may be used.
    package let key: KeyARN
    /// The identifier, never given again.
    package let id: GrantID
    /// By which its maker finds it when the same is asked for again.
    package let name: String?
    /// When it was made.
    package let creationDate: Date
    /// The ARN of whoever may use the key.
    package let grantee: String
    /// The ARN of whoever may end the grant, besides those who may by themselves.
    package let retiring: String?
    /// The account that made it.
    package let issuer: AccountID
    /// What is permitted, in the order in which it was asked for.
    package let operations: [GrantOperation]
    /// Under which encryption contexts.
    package let constraints: GrantConstraints

    package init(
        key: KeyARN, id: GrantID, name: String?, creationDate: Date, grantee: String, retiring: String?,
        issuer: AccountID, operations: [GrantOperation], constraints: GrantConstraints
    ) {
        self.key = key
        self.id = id
        self.name = name
        self.creationDate = creationDate
        self.grantee = grantee
        self.retiring = retiring
        self.issuer = issuer
        self.operations = operations
        self.constraints = constraints
    }
}
