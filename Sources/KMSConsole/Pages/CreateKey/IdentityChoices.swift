import KMSIdentity
import KMSModel

/// The users and roles of the account, to choose some of them.
struct IdentityChoices: Sendable {
    /// The most of each kind that are listed, beside those that are chosen; the filter finds the others.
    static let mostListed = 100
    /// How many IAM tells of at once, and how often it is asked: more users or roles than that there cannot be.
    private static let (mostAtOnce, mostPages) = ("1000", 6)

    /// Users or roles.
    struct Group: Sendable {
        let name: String
        /// What the fields' identifiers begin with.
        let id: String
        let choices: [Choice]
        /// Why there is no list.
        let refusal: String?
        /// How many more there are that the filter admits.
        let more: Int?
    }

    /// What the form's fields are called.
    let field: String
    let groups: [Group]
    /// What names have to contain.
    let filter: String
    let isFiltered: Bool
    /// What is wrong with one of those that are chosen.
    let problem: String?
    /// The chosen ARNs that are in no list, one in a line.
    let others: String

    /// Lists whom the visitor may see; what cannot be listed can still be typed.
    ///
    /// - Parameter step: The step that asks; what was typed in another one's filter is not for this one.
    init(_ visit: Visit, _ step: KeyPlan.Step, chosen: [String], field: String, _ problems: PlanProblems) async {
        let form = visit.request.form
        filter = form["step"] == String(step.rawValue) ? form.text("filter") ?? "" : ""
        isFiltered = !filter.isEmpty
        let all = Set(chosen)
        let pattern = BytePattern(filter.foldedBytes)
        let users = await Self.group("User", visit, all, pattern)
        let roles = await Self.group("Role", visit, all, pattern)
        let listed = Set((users.choices + roles.choices).map(\.value))
        self.field = field
        problem = problems[field]
        groups = [users, roles]
        others = chosen.filter { !listed.contains($0) }.joined(separator: "\n")
    }

    private static func group(_ kind: String, _ visit: Visit, _ chosen: Set<String>, _ filter: BytePattern) async
        -> Group
    {
        let name = "\(kind)s"
        do throws(ConsoleFailure) {
            let all = try await visit.everybody(name, most: mostAtOnce, pages: mostPages).compactMap {
                entry -> Choice? in
                guard let arn = entry.text("Arn"), let name = entry.text("\(kind)Name") else { return nil }
                return Choice(
                    value: arn, name: name, isChosen: chosen.contains(arn),
                    note: entry.text("Path").flatMap { $0 == "/" ? nil : $0 })
            }
            let (ticked, others) = (all.filter(\.isChosen), all.filter { !$0.isChosen && $0.isFound(by: filter) })
            return Group(
                name: name, id: kind, choices: ticked + others.prefix(mostListed), refusal: nil,
                more: others.count > mostListed ? others.count - mostListed : nil)
        } catch {
            return Group(name: name, id: kind, choices: [], refusal: error.sentence, more: nil)
        }
    }
}

extension Visit {
    /// All users, or all roles.
    fileprivate func everybody(_ kind: String, most: String, pages: Int) async throws(ConsoleFailure) -> [QueryValue] {
        var found: [QueryValue] = []
        var marker: String?
        for _ in 0..<pages {
            var members = ["MaxItems": most]
            members["Marker"] = marker
            let answer = try await iam("List\(kind)", members)
            found += answer.list(kind)
            marker = answer.nextMarker
            if marker == nil { break }
        }
        return found
    }
}

extension Choice {
    /// Whether the name with its path, both ASCII, contains the text, without regard to case.
    ///
    /// - Parameter text: In lower case.
    fileprivate func isFound(by text: BytePattern) -> Bool {
        text.isFound(in: "\(note ?? "/")\(name)".foldedBytes[...])
    }
}
