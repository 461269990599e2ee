/// The display name of a key within one realm: `alias/` and at least one more character.
package struct AliasName: Hashable, Sendable, CustomStringConvertible {
    /// What every alias name starts with.
    package static let prefix = "alias/"
    /// The name space that belongs to AWS managed keys; customers can neither create nor change names in it.
    package static let reservedPrefix = "alias/aws/"
    /// The longest name, in characters (API model, `AliasNameType`).
    package static let maximumLength = 256

    package let description: String

    /// Accepts `alias/` followed by one or more of `[a-zA-Z0-9/_-]`, 256 characters at most.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Self.maximumLength, text.hasPrefix(Self.prefix),
            text.utf8.count > Self.prefix.utf8.count, text.utf8.allSatisfy(Self.isAllowed)
        else { return nil }
        description = String(text)
    }

    /// Whether the name belongs to AWS managed keys.
    package var isReserved: Bool { description.hasPrefix(Self.reservedPrefix) }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension AliasName: Comparable {
    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

/// An alias with the realm that it is unique in.
package struct AliasARN: Hashable, Sendable, CustomStringConvertible {
    /// The account and region that the name is unique in.
    package let realm: Realm
    /// The name, unique in the realm.
    package let name: AliasName

    package init(realm: Realm, name: AliasName) {
        self.realm = realm
        self.name = name
    }

    /// `arn:<partition>:kms:<region>:<account>:alias/<name>`.
    package var description: String {
        "arn:\(realm.region.partition.rawValue):kms:\(realm.region):\(realm.account):\(name)"
    }
}
