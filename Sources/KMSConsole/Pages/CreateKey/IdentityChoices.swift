import KMSIdentity

/// The users and roles of the account, to choose some of them.
struct IdentityChoices: Sendable {
    /// The most of each kind that are listed.
    private static let mostListed = 500

    /// Users or roles.
    struct Group: Sendable {
        let name: String
        /// What the fields' identifiers begin with.
        let id: String
        let choices: [Choice]
        /// Why there is no list.
        let refusal: String?
        let isCut: Bool
    }

    /// What the form's fields are called.
    let field: String
    let groups: [Group]
    /// What is wrong with one of those that are chosen.
    let problem: String?
    /// The chosen ARNs that are in no list, one in a line.
    let others: String

    /// Lists whom the visitor may see; what cannot be listed can still be typed.
    init(_ visit: Visit, chosen: [String], field: String, _ problems: PlanProblems) async {
        let all = Set(chosen)
        let users = await Self.group("User", visit, all)
        let roles = await Self.group("Role", visit, all)
        let listed = Set((users.choices + roles.choices).map(\.value))
        self.field = field
        problem = problems[field]
        groups = [users, roles]
        others = chosen.filter { !listed.contains($0) }.joined(separator: "\n")
    }

    private static func group(_ kind: String, _ visit: Visit, _ chosen: Set<String>) async -> Group {
        let name = "\(kind)s"
        do throws(ConsoleFailure) {
            let answer = try await visit.iam("List\(name)", ["MaxItems": String(mostListed)])
            let choices = answer.list(name).compactMap { entry -> Choice? in
                guard let arn = entry.text("Arn"), let name = entry.text("\(kind)Name") else { return nil }
                return Choice(
                    value: arn, name: name, isChosen: chosen.contains(arn),
                    note: entry.text("Path").flatMap { $0 == "/" ? nil : $0 })
            }
            return Group(
                name: name, id: kind, choices: choices, refusal: nil, isCut: answer.flag("IsTruncated"))
        } catch {
            return Group(
                name: name, id: kind, choices: [], refusal: error.sentence, isCut: false)
        }
    }
}
