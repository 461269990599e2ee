import Foundation
import KMSModel

/// The grants on a key.
struct GrantsTab: KeyTab {
    static let template = Templates.Name.keyGrants
    private static let pageSize = 50

    private let page: KeyPage
    private let key: JSONObject

    init(_ page: KeyPage, _ key: JSONObject) {
        self.page = page
        self.key = key
    }

    struct Grant: Sendable {
        let id: String
        let name: String?
        let grantee: String
        let retiring: String?
        let operations: [String]
        let constraints: [String]
        let creation: Moment?
    }

    struct Content: Sendable {
        let grants: [Grant]
        let next: String?
        let operations: [Choice]
        let typedGrantee: String
        let typedRetiring: String
        let typedName: String
        let typedContext: String
    }

    func content() async throws(ConsoleFailure) -> Content {
        var members: [(String, JSONValue)] = [("Limit", .number(String(Self.pageSize)))]
        if let marker = page.visit.request.query.text("marker") { members.append(("Marker", .string(marker))) }
        let answer = try await page.visit.kms(
            .listGrants,
            JSONObject(
                [JSONObject.Member(name: "KeyId", value: .string(page.id))]
                    + members.map { JSONObject.Member(name: $0.0, value: $0.1) }))
        let chosen = page.isBack(["create"]) ? page.visit.request.form.all("operation") : []
        let next = answer.text("NextMarker").map { marker in
            page.path(.grants) + "?marker="
                + (marker.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")
        }
        return Content(
            grants: answer.objects("Grants").map(Self.grant), next: next,
            operations: GrantOperation.allCases.map {
                Choice(value: $0.rawValue, name: $0.rawValue, isChosen: chosen.contains($0.rawValue))
            },
            typedGrantee: page.typed("grantee", in: "create"), typedRetiring: page.typed("retiring", in: "create"),
            typedName: page.typed("name", in: "create"), typedContext: page.typed("context", in: "create"))
    }

    private static func grant(_ object: JSONObject) -> Grant {
        let constraints = (object.object("Constraints")?.members ?? []).flatMap { constraint -> [String] in
            guard case .object(let pairs) = constraint.value else { return [] }
            let kind = constraint.name == "EncryptionContextEquals" ? "is" : "has"
            return pairs.members.map { "encryption context \(kind) \($0.name)=\(pairs.text($0.name) ?? "")" }
        }
        return Grant(
            id: object.text("GrantId") ?? "", name: object.text("Name"), grantee: object.text("GranteePrincipal") ?? "",
            retiring: object.text("RetiringPrincipal"), operations: object.texts("Operations"),
            constraints: constraints, creation: object.date("CreationDate").map(Moment.init))
    }

    func change(_ action: String) async throws(ConsoleFailure) -> KeyChange {
        let form = page.visit.request.form
        switch action {
        case "revoke":
            try await page.kms(.revokeGrant, ["GrantId": .string(form["grant"] ?? "")])
            return .done("The grant is revoked.", goingTo: page.path(.grants))
        case "create":
            var members = JSONObject([
                "KeyId": .string(page.id), "GranteePrincipal": .string(form.text("grantee") ?? ""),
                "Operations": .array(form.all("operation").map(JSONValue.string)),
            ])
            if let retiring = form.text("retiring") { members.append("RetiringPrincipal", .string(retiring)) }
            if let name = form.text("name") { members.append("Name", .string(name)) }
            let pairs = try TextLines.object(in: form["context"] ?? "", of: "the encryption context")
            if !pairs.members.isEmpty {
                members.append("Constraints", .object(JSONObject(["EncryptionContextSubset": .object(pairs)])))
            }
            let answer = try await page.visit.kms(.createGrant, members)
            return .done("The grant \(answer.text("GrantId") ?? "") is made.", goingTo: page.path(.grants))
        default: throw .unknownAction
        }
    }
}
