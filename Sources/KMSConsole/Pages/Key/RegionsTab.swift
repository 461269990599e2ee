import KMSAccess
import KMSEngine
import KMSModel

/// Where the related keys of a multi-Region key are.
struct RegionsTab: KeyTab {
    static let template = Templates.Name.keyRegions

    private let page: KeyPage
    private let key: JSONObject

    init(_ page: KeyPage, _ key: JSONObject) {
        self.page = page
        self.key = key
    }

    struct Member: Sendable {
        let region: String
        let href: String
        let isPrimary: Bool
        let isHere: Bool
        /// Whether it can be made the primary from here.
        let canBePrimary: Bool
    }

    struct Content: Sendable {
        let members: [Member]
        let isPrimary: Bool
        let regions: [Choice]
        let description: String
    }

    func content() async throws(ConsoleFailure) -> Content {
        let configuration = key.object("MultiRegionConfiguration") ?? JSONObject()
        let isPrimary = configuration.text("MultiRegionKeyType") == "PRIMARY"
        let primary = configuration.object("PrimaryKey")?.text("Region") ?? ""
        let replicas = configuration.objects("ReplicaKeys").compactMap { $0.text("Region") }
        let here = page.visit.caller.region.description
        let members = ([primary] + replicas).filter { !$0.isEmpty }.map { region in
            Member(
                region: region, href: "/console/\(region)/keys/\(page.id)", isPrimary: region == primary,
                isHere: region == here, canBePrimary: isPrimary && region != primary)
        }
        let taken = Set(members.map(\.region))
        let others = page.visit.engine.signIn.regions(for: page.visit.caller).map(\.description)
        return Content(
            members: members, isPrimary: isPrimary,
            regions: Choice.list(
                others.filter { !taken.contains($0) }.map { ($0, $0) }, chosen: page.typed("region", in: "replicate")),
            description: page.typed("description", in: "replicate", else: key.text("Description") ?? ""))
    }

    func change(_ action: String) async throws(ConsoleFailure) -> KeyChange {
        let form = page.visit.request.form
        let region = form["region"] ?? ""
        switch action {
        case "replicate":
            try await page.kms(
                .replicateKey,
                ["ReplicaRegion": .string(region), "Description": .string(form["description"] ?? "")])
            return .done("A replica is made in \(region).", goingTo: page.path(.regions))
        case "promote":
            try await page.kms(.updatePrimaryRegion, ["PrimaryRegion": .string(region)])
            return .done("The key in \(region) becomes the primary.", goingTo: page.path(.regions))
        default: throw .unknownAction
        }
    }
}
