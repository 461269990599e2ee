import KMSModel

/// The tags of a key.
struct TagsTab: KeyTab {
    static let template = Templates.Name.keyTags

    let page: KeyPage

    struct Tag: Sendable {
        let key: String
        let value: String
    }

    struct Content: Sendable {
        let tags: [Tag]
        let typedKey: String
        let typedValue: String
    }

    func content() async throws(ConsoleFailure) -> Content {
        let answer = try await page.kms(.listResourceTags, ["Limit": .number("50")])
        return Content(
            tags: answer.objects("Tags").map { Tag(key: $0.text("TagKey") ?? "", value: $0.text("TagValue") ?? "") },
            typedKey: page.typed("tag-key", in: "set"), typedValue: page.typed("tag-value", in: "set"))
    }

    func change(_ action: String) async throws(ConsoleFailure) -> KeyChange {
        let form = page.visit.request.form
        switch action {
        case "set":
            // White space around what is typed is a slip; a tag that begins with some can be removed all the same.
            let tag = JSONObject([
                "TagKey": .string(form.text("tag-key") ?? ""), "TagValue": .string(form.text("tag-value") ?? ""),
            ])
            try await page.kms(.tagResource, ["Tags": .array([.object(tag)])])
            return .done("The tag is set.", goingTo: page.path(.tags))
        case "remove":
            try await page.kms(.untagResource, ["TagKeys": .array([.string(form["tag-key"] ?? "")])])
            return .done("The tag is removed.", goingTo: page.path(.tags))
        default: throw .unknownAction
        }
    }
}
