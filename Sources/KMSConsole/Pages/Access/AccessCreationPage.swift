import KMSAccess
import KMSIdentity
import KMSModel

/// Where a user, group, role or managed policy is made.
struct AccessCreationPage: Sendable {
    let visit: Visit
    let kind: AccessKind

    private struct Role: Sendable {
        let trust: String
        let duration: String
    }

    private struct Content: Sendable {
        let noun: String
        let list: String
        let listName: String
        let name: String
        let path: String
        let role: Role?
        /// The text of a managed policy.
        let document: String?
        let canBeDescribed: Bool
        let description: String
        let canBeTagged: Bool
        let tags: String
        let canBeBounded: Bool
        let boundary: String
        let policies: [String]
    }

    private var form: FormFields { visit.request.form }
    private var isDescribed: Bool { kind == .role || kind == .policy }

    /// Shows the form, or does what it says.
    ///
    /// - Throws: ``ConsoleFailure``.
    func respond() async throws(ConsoleFailure) -> ConsoleResponse {
        guard visit.request.isPost else { return await show(nil) }
        do throws(ConsoleFailure) {
            let answer = try await visit.iam("Create\(kind.word)", try members())[kind.word]
            let id = answer?.text(kind == .policy ? "Arn" : kind.nameMember) ?? ""
            let name = answer?.text(kind.nameMember) ?? ""
            return visit.done(
                "The \(kind.rawValue) \(name) was created.",
                goingTo: AccessSubject(kind: kind, id: id).path(in: visit))
        } catch {
            return await show(error)
        }
    }

    /// What the form says; a field that is left empty is none.
    private func members() throws(ConsoleFailure) -> [String: String] {
        var members = [kind.nameMember: form.text("name") ?? ""]
        members["Path"] = form.text("path")
        if isDescribed { members["Description"] = form.text("description") }
        if kind.canBeBounded { members["PermissionsBoundary"] = form.text("boundary") }
        if kind == .role {
            members["AssumeRolePolicyDocument"] = form["trust"] ?? ""
            members["MaxSessionDuration"] = form.text("duration")
        }
        if kind == .policy { members["PolicyDocument"] = form["document"] ?? "" }
        guard kind.canBeTagged else { return members }
        for (index, tag) in try TextLines.pairs(in: form["tags"] ?? "", of: "the tags").enumerated() {
            members["Tags.member.\(index + 1).Key"] = tag.name
            members["Tags.member.\(index + 1).Value"] = tag.value
        }
        return members
    }

    private func show(_ failure: ConsoleFailure?) async -> ConsoleResponse {
        let content = Content(
            noun: kind.rawValue, list: "\(visit.base)/access/\(kind.plural)", listName: kind.title,
            name: form["name"] ?? "", path: form["path"] ?? "/",
            role: kind == .role
                ? Role(trust: form["trust"] ?? firstTrust, duration: form["duration"] ?? "3600") : nil,
            document: kind == .policy ? form["document"] ?? PolicyExamples.document(for: visit.caller) : nil,
            canBeDescribed: isDescribed, description: form["description"] ?? "", canBeTagged: kind.canBeTagged,
            tags: form["tags"] ?? "", canBeBounded: kind.canBeBounded, boundary: form["boundary"] ?? "",
            policies: kind.canBeBounded ? await visit.policySuggestions() : [])
        return visit.page(.accessCreation, "Create \(kind.rawValue)", at: .access, alert: failure, content)
    }

    private var firstTrust: String { PolicyExamples.trust(for: visit.caller) }
}

/// The policies that editors begin with.
enum PolicyExamples {
    /// Looking at the account's keys.
    static func document(for caller: Caller) -> String {
        """
        {
          "Version": "2012-10-17",
          "Statement": [
            {
              "Effect": "Allow",
              "Action": "kms:DescribeKey",
              "Resource": "arn:\(caller.partition.rawValue):kms:*:\(caller.principal.account):key/*"
            }
          ]
        }
        """
    }

    /// Whoever the account's own policies let take on the role.
    static func trust(for caller: Caller) -> String {
        """
        {
          "Version": "2012-10-17",
          "Statement": [
            {
              "Effect": "Allow",
              "Principal": { "AWS": "arn:\(caller.partition.rawValue):iam::\(caller.principal.account):root" },
              "Action": "sts:AssumeRole"
            }
          ]
        }
        """
    }
}

extension Visit {
    /// How many names a field suggests at most; any other can be typed.
    private static let mostSuggestions = "100"

    /// What a field can suggest; nothing when the visitor may not see it.
    func suggestions(of kind: AccessKind, _ member: String) async -> [String] {
        let answer = try? await iam("List\(kind.listMember)", ["MaxItems": Self.mostSuggestions])
        return (answer?.list(kind.listMember) ?? []).compactMap { $0.text(member) }
    }

    /// The ARNs of managed policies.
    func policySuggestions() async -> [String] { await suggestions(of: .policy, "Arn") }
}
