/// The name of a region, such as `eu-central-1`.
package struct Region: Hashable, Sendable, CustomStringConvertible {
    /// The longest name that the API model's `RegionType` admits, in characters.
    package static let maximumLength = 32

    package let description: String

    /// Accepts what the API model's `RegionType` accepts: `^([a-z]+-){2,3}\d+$`, at most 32 characters.
    package init?(_ text: String) {
        var text = text
        guard text.withUTF8(Self.isWellFormed) else { return nil }
        description = text
    }

    /// One pass over the bytes: two or three words of letters, each with a dash behind it, then a number.
    private static func isWellFormed(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        guard text.count <= maximumLength else { return false }
        var words = 0
        var start = 0
        var position = 0
        while position < text.count, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(text[position]) {
            while position < text.count, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(text[position]) {
                position += 1
            }
            guard position < text.count, text[position] == UInt8(ascii: "-"), position > start else { return false }
            words += 1
            position += 1
            start = position
        }
        let number = text[position...]
        return (2...3).contains(words) && !number.isEmpty
            && number.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// The partition that AWS puts regions of this name in; it is the second part of every ARN made here.
    package var partition: Partition {
        Partition.prefixes.first { description.hasBytePrefix($0.prefix) }?.partition ?? .aws
    }
}

extension Region: Comparable {
    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}

/// The partition of an ARN: a group of regions with one name space.
///
/// Source: the partitions that AWS's SDKs know (botocore, `partitions.json`).
package enum Partition: String, Hashable, Sendable, CaseIterable {
    case aws
    case china = "aws-cn"
    case usGovernment = "aws-us-gov"
    case europeanSovereign = "aws-eusc"
    case iso = "aws-iso"
    case isoB = "aws-iso-b"
    case isoE = "aws-iso-e"
    case isoF = "aws-iso-f"

    /// The region that IAM is in.
    package var globalRegion: String {
        switch self {
        case .aws: "us-east-1"
        case .china: "cn-north-1"
        case .usGovernment: "us-gov-west-1"
        case .europeanSovereign: "eusc-de-east-1"
        case .iso: "us-iso-east-1"
        case .isoB: "us-isob-east-1"
        case .isoE: "eu-isoe-west-1"
        case .isoF: "us-isof-south-1"
        }
    }

    /// What the names of their regions begin with; all other names belong to ``aws``.
    fileprivate static let prefixes: [(prefix: String, partition: Partition)] = [
        ("cn-", .china), ("us-gov-", .usGovernment), ("eusc-", .europeanSovereign), ("us-iso-", .iso),
        ("us-isob-", .isoB), ("eu-isoe-", .isoE), ("us-isof-", .isoF),
    ]
}
