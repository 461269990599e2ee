import Foundation
import KMSAccess
import KMSModel

/// Where a visitor gets to who goes to another region: to the same kind of page, as far as the region has it.
struct RegionSwitch: Sendable {
    /// The first parts of paths that every region has.
    private static let pages: Set<String> = ["keys", "managed", "create", "access", "explain", "audit", "usage"]
    /// Parts of a query that mean something only where the visitor comes from.
    private static let places: Set<String> = ["page", "before", "shown"]

    let visit: Visit

    /// The page that the visitor is on, as the form sends it: what of the path and the query stands behind the region.
    static func page(of visit: Visit) -> String {
        let target = visit.request.target
        guard target.hasPrefix("\(visit.base)/") else { return "" }
        let parts = target.dropFirst(visit.base.count + 1).split(
            separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let query = parts.count < 2 ? [] : parts[1].split(separator: "&").filter(isOfEveryRegion)
        return parts[0] + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
    }

    private static func isOfEveryRegion(_ field: Substring) -> Bool {
        let sides = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let value = sides.count < 2 ? "" : sides[1].removingPercentEncoding ?? ""
        if sides[0] == "key" { return !value.hasPrefix("arn:") && KeyID(value).map(\.isMultiRegion) ?? true }
        return !places.contains(String(sides[0]))
    }

    /// Sends the browser there.
    func respond() async -> ConsoleResponse {
        let list = "\(visit.base)/keys"
        let page = visit.request.query["page"] ?? ""
        let path = (page.split(separator: "?", maxSplits: 1).first ?? "").split(separator: "/")
            .map { $0.removingPercentEncoding ?? ".." }
        // Browsers go up by two dots, also when they are escaped.
        guard let first = path.first, Self.pages.contains(first), page.isPlainPath, !path.contains("..") else {
            return .seeOther(list)
        }
        guard first == "keys", path.count > 1 else { return .seeOther("\(visit.base)/\(page)") }
        if let id = KeyID(path[1]), id.isMultiRegion,
            (try? await visit.kms(.describeKey, JSONObject(["KeyId": .string(id.description)]))) != nil
        {
            return .seeOther("\(visit.base)/\(page)")
        }
        return visit.done("That key is not in \(visit.caller.region). These are the keys that are.", goingTo: list)
    }
}
