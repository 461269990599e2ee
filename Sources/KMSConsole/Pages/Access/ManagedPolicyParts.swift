import KMSIdentity

/// What only managed policies have: versions of their text, and those that they are attached to.
struct ManagedPolicyParts: Sendable {
    struct Version: Sendable {
        let id: String
        let href: String
        let isDefault: Bool
        let creation: Moment?
    }

    /// The text of a version.
    struct Text: Sendable {
        let version: String
        let text: String
        /// Whether a new version is to be in force at once.
        let isForced: Bool
        /// Why it is not shown.
        let refusal: Alert?
    }

    let shown: Text
    let versions: AccessSection<Version>
    let users: AccessSection<AccessLink>

    /// Asks for the version that the visitor chose, or for the one that is in force.
    init(of subject: AccessSubject, _ found: QueryValue, _ visit: Visit) async {
        shown = await visit.text(
            of: subject, visit.request.query.text("version") ?? found.text("DefaultVersionId") ?? "")
        versions = await visit.section("ListPolicyVersions", "Versions", subject.members) { entry in
            let id = entry.text("VersionId") ?? ""
            return Version(
                id: id, href: "\(subject.path(in: visit))&version=\(id.inQuery)",
                isDefault: entry.flag("IsDefaultVersion"), creation: entry.moment("CreateDate"))
        }
        users = await visit.users(of: subject)
    }
}

extension Visit {
    fileprivate func text(of policy: AccessSubject, _ version: String) async -> ManagedPolicyParts.Text {
        let typed = request.form["document"]
        let isForced = typed == nil || request.form.has("as-default")
        do throws(ConsoleFailure) {
            let answer = try await iam("GetPolicyVersion", policy.members.merging(["VersionId": version]) { $1 })
            let stored = answer["PolicyVersion"]?.document("Document").map(PolicyLayout.readable)
            return ManagedPolicyParts.Text(
                version: version, text: typed ?? stored ?? "", isForced: isForced, refusal: nil)
        } catch {
            return ManagedPolicyParts.Text(
                version: version, text: typed ?? "", isForced: isForced, refusal: Alert(error))
        }
    }

    /// Groups, users and roles that have a policy, also as a boundary.
    fileprivate func users(of policy: AccessSubject) async -> AccessSection<AccessLink> {
        var members = policy.members
        members["MaxItems"] = Self.mostEntries
        members["Marker"] = request.query.text("marker")
        do throws(ConsoleFailure) {
            let answer = try await iam("ListEntitiesForPolicy", members)
            let links = [AccessKind.group, .user, .role].flatMap { kind in
                answer.list("Policy\(kind.word)s").compactMap { entry in
                    entry.text(kind.nameMember).map { name in
                        var link = link(kind, name, id: name)
                        link.value = kind.rawValue
                        return link
                    }
                }
            }
            return AccessSection(rows: links, next: next(of: answer, policy))
        } catch {
            return AccessSection(refusal: Alert(error))
        }
    }
}
