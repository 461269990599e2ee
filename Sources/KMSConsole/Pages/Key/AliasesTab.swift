import KMSModel

/// The names of a key.
struct AliasesTab: KeyTab {
    static let template = Templates.Name.keyAliases

    let page: KeyPage

    struct Alias: Sendable {
        let name: String
        let arn: String
        let creation: Moment?
    }

    struct Content: Sendable {
        let aliases: [Alias]
        let typedName: String
    }

    func content() async throws(ConsoleFailure) -> Content {
        let answer = try await page.kms(.listAliases, ["Limit": .number("100")])
        return Content(
            aliases: answer.objects("Aliases").map { alias in
                Alias(
                    name: alias.text("AliasName") ?? "", arn: alias.text("AliasArn") ?? "",
                    creation: alias.date("CreationDate").map(Moment.init))
            }, typedName: page.typed("alias", in: "create", "move"))
    }

    func change(_ action: String) async throws(ConsoleFailure) -> KeyChange {
        let given = page.visit.request.form.text("alias") ?? ""
        let name = given.hasPrefix(AliasName.prefix) ? given : AliasName.prefix + given
        switch action {
        case "create":
            try await page.visit.kms(
                .createAlias, JSONObject(["AliasName": .string(name), "TargetKeyId": .string(page.id)]))
            return .done("\(name) points to this key.", goingTo: page.path(.aliases))
        case "move":
            try await page.visit.kms(
                .updateAlias, JSONObject(["AliasName": .string(name), "TargetKeyId": .string(page.id)]))
            return .done("\(name) points to this key now.", goingTo: page.path(.aliases))
        case "delete":
            try await checkTarget(of: name)
            try await page.visit.kms(.deleteAlias, JSONObject(["AliasName": .string(name)]))
            return .done("\(name) is deleted. The key itself is as it was.", goingTo: page.path(.aliases))
        default: throw .unknownAction
        }
    }

    /// Refuses to delete an alias that has come to another key since the page was shown.
    ///
    /// Whoever may not see where it leads is left to what DeleteAlias says.
    private func checkTarget(of name: String) async throws(ConsoleFailure) {
        let found = try? await page.visit.kms(.describeKey, JSONObject(["KeyId": .string(name)]))
        guard let other = found?.object("KeyMetadata")?.text("KeyId"), other != page.id else { return }
        throw ConsoleFailure(
            "AliasMoved",
            "\(name) points to the key \(other) now. It was not deleted: that can be done on that key's page.")
    }
}
