import KMSIdentity

/// A part of a page that is asked for by itself: who may see a user may not be allowed to see the user's access keys.
struct AccessSection<Row: Sendable>: Sendable {
    var rows: [Row] = []
    /// Why it is not shown.
    var refusal: Alert?
    /// Where the list goes on.
    var next: String?
}

extension Visit {
    /// The most entries of a list that a page shows at once.
    static let mostEntries = "200"

    /// What an operation of IAM lists.
    func section<Row>(
        _ action: String, _ list: String, _ members: [String: String], _ row: (QueryValue) -> Row?
    ) async -> AccessSection<Row> {
        do throws(ConsoleFailure) {
            let answer = try await iam(action, members.merging(["MaxItems": Self.mostEntries]) { $1 })
            return AccessSection(rows: answer.list(list).compactMap(row))
        } catch {
            return AccessSection(refusal: Alert(error))
        }
    }

    /// Where the next page of the one long list of a page is.
    func next(of answer: QueryValue, _ subject: AccessSubject) -> String? {
        answer.nextMarker.map { "\(subject.path(in: self))&marker=\($0.inQuery)" }
    }

    /// A link to the page of a user, group or role of this name, or of the managed policy with this ARN.
    func link(_ kind: AccessKind, _ name: String, id: String) -> AccessLink {
        AccessLink(name: name, href: AccessSubject(kind: kind, id: id).path(in: self), value: id)
    }
}
