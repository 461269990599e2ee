import Foundation
package import KMSModel

/// A token of PKCS#11 that stands for a cluster of AWS CloudHSM: what the operator says of it.
///
/// It is one account's, in one region: a token asks for its PIN once for the whole program.
package struct ClusterSetting: Sendable, Equatable {
    /// What `CloudHsmClusterId` names it by, such as `cluster-1a23b4cdefg`.
    package let id: String
    /// Who may have a custom key store in it.
    package let realm: Realm
    /// The label of the token.
    package let token: String
    /// The absolute path of the library that speaks to it.
    package let module: String

    /// Reads `ID/ACCOUNT/REGION=TOKEN@MODULE`; nil for any other text.
    ///
    /// Source: API model, `CloudHsmClusterIdType`.
    package init?(_ text: String) {
        let sides = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2, let at = sides[1].range(of: "@/") else { return nil }
        let names = sides[0].split(separator: "/", omittingEmptySubsequences: false)
        guard names.count == 3, let account = AccountID(names[1]), let region = Region(String(names[2])) else {
            return nil
        }
        id = String(names[0])
        realm = Realm(account: account, region: region)
        token = String(sides[1][..<at.lowerBound])
        module = String(sides[1][at.lowerBound...].dropFirst())
        let digits = id.utf8.dropFirst(Self.prefix.utf8.count)
        guard id.hasBytePrefix(Self.prefix), (11...16).contains(digits.count), digits.allSatisfy(Self.isDigit),
            (1...32).contains(token.utf8.count)
        else { return nil }
    }

    private static let prefix = "cluster-"

    private static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "2")...UInt8(ascii: "7"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }
}
