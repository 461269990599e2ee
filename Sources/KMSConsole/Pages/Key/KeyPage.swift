import KMSAccess
import KMSModel

/// One key: what it is, and what can be done with it.
struct KeyPage: Sendable {
    let visit: Visit
    /// The key's identifier, as the path has it.
    let id: String

    /// A part of the page, by the end of its path.
    enum Tab: String, CaseIterable, Sendable {
        case general, policy, cryptography, tags, aliases, rotation, grants, material, regions, activity

        fileprivate var name: String {
            switch self {
            case .general: "General"
            case .policy: "Key policy"
            case .cryptography: "Cryptography"
            case .tags: "Tags"
            case .aliases: "Aliases"
            case .rotation: "Rotation"
            case .grants: "Grants"
            case .material: "Key material"
            case .regions: "Regions"
            case .activity: "Activity"
            }
        }

        /// Whether a key of this kind has it.
        fileprivate func isOf(_ key: JSONObject) -> Bool {
            switch self {
            case .rotation: key.text("KeySpec") == KeySpec.symmetricDefault.rawValue
            case .material: key.text("Origin") == KeyOrigin.external.rawValue
            case .regions: key.flag("MultiRegion")
            default: true
            }
        }
    }

    /// Shows a part of the page, or does what a form of it asks for.
    ///
    /// - Parameter name: What stands behind the key in the path; nil for the first part.
    /// - Returns: Nil for a part that there is not.
    func respond(_ name: String?) async throws(ConsoleFailure) -> ConsoleResponse? {
        let answer = try await visit.kms(.describeKey, JSONObject(["KeyId": .string(id)]))
        let key = answer.object("KeyMetadata") ?? JSONObject()
        // By an alias its parts could not all be asked for.
        if let own = key.text("KeyId"), own != id, !visit.hasForm,
            key.text("AWSAccountId") == visit.caller.principal.account.description
        {
            return .seeOther("\(visit.base)/keys/\(own)" + (name.map { "/\($0.inPath)" } ?? ""))
        }
        if name == "public-key" { return try await publicKey(of: key) }
        if name == "delete" { return try await show(KeyDeletion(self, key), nil, key) }
        guard let tab = Tab(rawValue: name ?? Tab.general.rawValue), tab.isOf(key) else { return nil }
        switch tab {
        case .general: return try await show(GeneralTab(self, key), tab, key)
        case .policy: return try await show(PolicyTab(page: self), tab, key)
        case .cryptography: return try await show(CryptographyTab(self, key), tab, key)
        case .tags: return try await show(TagsTab(page: self), tab, key)
        case .aliases: return try await show(AliasesTab(page: self), tab, key)
        case .rotation: return try await show(RotationTab(self, key), tab, key)
        case .grants: return try await show(GrantsTab(self, key), tab, key)
        case .material: return try await show(MaterialTab(self, key), tab, key)
        case .regions: return try await show(RegionsTab(self, key), tab, key)
        case .activity: return try await show(ActivityTab(self, key), tab, key)
        }
    }

    /// The path of a part of the page.
    func path(_ tab: Tab) -> String { "\(path)/\(tab.rawValue)" }

    /// The path of the page itself.
    var path: String { "\(visit.base)/keys/\(id.inPath)" }

    /// Calls an operation on the key.
    @discardableResult
    func kms(
        _ operation: OperationName, _ members: KeyValuePairs<String, JSONValue> = [:]
    ) async throws(ConsoleFailure) -> JSONObject {
        var object = JSONObject(["KeyId": .string(id)])
        for (name, value) in members { object.append(name, value) }
        return try await visit.kms(operation, object)
    }

    /// What a field shows: what was typed when its form comes back, or else what is there.
    ///
    /// - Parameter actions: The buttons of the form that the field is in: others have fields of the same name.
    func typed(_ field: String, in actions: String..., else value: String = "") -> String {
        isBack(actions) ? visit.request.form[field] ?? value : value
    }

    /// Whether the form with one of these buttons comes back.
    func isBack(_ actions: [String]) -> Bool { visit.hasForm && actions.contains(visit.request.form["action"] ?? "") }

    // MARK: Parts

    private func show<Part: KeyTab>(
        _ part: Part, _ tab: Tab?, _ key: JSONObject
    ) async throws(ConsoleFailure) -> ConsoleResponse {
        var failure: ConsoleFailure?
        var given: JSONObject?
        if visit.request.isPost {
            do throws(ConsoleFailure) {
                switch try await part.change(visit.request.form["action"] ?? "") {
                case .done(let notice, let path): return visit.done(notice, goingTo: path)
                case .answer(let response): return response
                case .shown(let answer): given = answer
                }
            } catch {
                failure = error
            }
        }
        let head = await head(key, tab)
        let title = head.title
        do throws(ConsoleFailure) {
            let content = KeyScreen(head: head, tab: try await part.content(after: given))
            return visit.page(Part.template, title, at: head.place, alert: failure, content)
        } catch {
            return visit.page(
                .keyRefused, title, at: head.place, alert: failure ?? error, KeyScreen(head: head, tab: title))
        }
    }

    private func head(_ key: JSONObject, _ tab: Tab?) async -> KeyHead {
        let aliases = (try? await kms(.listAliases, ["Limit": .number("1")]))?.objects("Aliases") ?? []
        return KeyHead(
            key, alias: aliases.first?.text("AliasName"), path: path,
            tabs: Tab.allCases.filter { $0.isOf(key) }.map { other in
                Frame.Place(name: other.name, href: path(other), isCurrent: other == tab)
            })
    }

    private func publicKey(of key: JSONObject) async throws(ConsoleFailure) -> ConsoleResponse {
        let answer = try await kms(.getPublicKey)
        let name = key.text("KeyId") ?? "key"
        return .download(
            Array(PEM.text(of: answer.text("PublicKey") ?? "", labeled: "PUBLIC KEY").utf8), as: "\(name).pem",
            type: "application/x-pem-file")
    }
}

/// A part of a key's page.
protocol KeyTab: Sendable {
    associatedtype Content: Sendable

    static var template: Templates.Name { get }

    /// Does what a form of it asks for.
    ///
    /// - Throws: ``ConsoleFailure``; the part is then shown with it.
    func change(_ action: String) async throws(ConsoleFailure) -> KeyChange

    /// What it shows.
    ///
    /// - Throws: ``ConsoleFailure``, when the visitor may not see it.
    func content() async throws(ConsoleFailure) -> Content

    /// What it shows when a form of it has got an answer that is to be shown.
    ///
    /// - Throws: ``ConsoleFailure``, when the visitor may not see it.
    func content(after answer: JSONObject?) async throws(ConsoleFailure) -> Content
}

extension KeyTab {
    /// The same, for parts whose forms get no answers.
    func content(after answer: JSONObject?) async throws(ConsoleFailure) -> Content { try await content() }

    /// For parts in which nothing can be changed.
    func change(_ action: String) async throws(ConsoleFailure) -> KeyChange { throw .unknownAction }
}

/// What came of a form on a key's page.
enum KeyChange: Sendable {
    /// It is done; the next page says so.
    case done(String, goingTo: String)
    /// It has an answer of its own.
    case answer(ConsoleResponse)
    /// The part itself shows what came of it.
    case shown(JSONObject)
}

extension ConsoleFailure {
    /// A form that no page of this console has.
    static let unknownAction = ConsoleFailure("ValidationException", "There is no such action.")
}

/// What stands over all parts of a key's page.
struct KeyHead: Sendable {
    let title: String
    let id: String
    let arn: String
    let path: String
    let state: String
    /// Whether the customer administers the key, and not an AWS service.
    let isCustomers: Bool
    let isEnabled: Bool
    let canEnable: Bool
    let canDelete: Bool
    let canCancel: Bool
    let deletion: Moment?
    /// What a primary key waits for before its own waiting period begins.
    let wait: ReplicaWait?
    let tabs: [Frame.Place]
    let place: Visit.Place

    init(_ key: JSONObject, alias: String?, path: String, tabs: [Frame.Place]) {
        id = key.text("KeyId") ?? ""
        title = alias ?? id
        arn = key.text("Arn") ?? ""
        self.path = path
        state = key.text("KeyState") ?? ""
        isCustomers = key.text("KeyManager") == KeyManager.customer.rawValue
        let isDeleted = state == KeyState.pendingDeletion.rawValue || state == KeyState.pendingReplicaDeletion.rawValue
        isEnabled = isCustomers && state == KeyState.enabled.rawValue
        canEnable = isCustomers && state == KeyState.disabled.rawValue
        canDelete = isCustomers && !isDeleted
        canCancel = isCustomers && isDeleted
        deletion = key.date("DeletionDate").map(Moment.init)
        wait = ReplicaWait(key)
        self.tabs = tabs
        place = isCustomers ? .keys : .managed
    }
}

/// What a template of a key's page is given.
struct KeyScreen<Content: Sendable>: Sendable {
    let head: KeyHead
    let tab: Content
}

/// Keys as text (RFC 7468).
enum PEM {
    static func text(of base64: String, labeled label: String) -> String {
        var lines = ["-----BEGIN \(label)-----"]
        var rest = base64[...]
        while !rest.isEmpty {
            lines.append(String(rest.prefix(64)))
            rest = rest.dropFirst(64)
        }
        return (lines + ["-----END \(label)-----", ""]).joined(separator: "\n")
    }
}
