/// The name of a region, such as `eu-central-1`.
package struct Region: Hashable, Sendable, CustomStringConvertible {
    /// The longest name that the API model's `RegionType` admits, in characters.
    package static let maximumLength = 32

    package let description: String

    /// Accepts what the API model's `RegionType` accepts: `^([a-z]+-){2,3}\d+$`, at most 32 characters.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= Self.maximumLength else { return nil }
        let parts = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard (3...4).contains(parts.count), let number = parts.last, !number.isEmpty,
            number.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        for word in parts.dropLast() {
            guard !word.isEmpty, word.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) })
            else { return nil }
        }
        description = String(text)
    }

    /// The partition that AWS puts regions of this name in; it is the second part of every ARN made here.
    package var partition: Partition {
        if description.hasPrefix("cn-") { return .china }
        if description.hasPrefix("us-gov-") { return .usGovernment }
        if description.hasPrefix("eusc-") { return .europeanSovereign }
        return .aws
    }
}

extension Region: Comparable {
    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

/// The partition of an ARN: a group of regions with one name space.
package enum Partition: String, Hashable, Sendable, CaseIterable {
    case aws
    case china = "aws-cn"
    case usGovernment = "aws-us-gov"
    case europeanSovereign = "aws-eusc"
}
