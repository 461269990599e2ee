import Foundation
import KMSModel
import KMSStore

// Labels on keys.

struct TagResource: KeyOperation {
    static let description = OperationDescription(
        .tagResource, quota: .own(perSecond: 10), recorded: .change("KeyId", "Tags"))

    static func keyIdentifier(in input: API.TagResourceRequest) -> String { input.keyId }

    static func perform(
        _ input: API.TagResourceRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        let tags = try TagList(permit.subject.record.tags).setting(input.tags, quota: ResourceQuotas.tagsPerKey)
        return permit.subject.changed { $0.tags = tags.tags }
    }
}

struct UntagResource: KeyOperation {
    static let description = OperationDescription(
        .untagResource, quota: .own(perSecond: 5), recorded: .change("KeyId", "TagKeys"))

    static func keyIdentifier(in input: API.UntagResourceRequest) -> String { input.keyId }

    static func perform(
        _ input: API.UntagResourceRequest, under permit: Permit<KeySnapshot>, in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.Nothing> {
        let tags = try TagList(permit.subject.record.tags).removing(input.tagKeys)
        return permit.subject.changed { $0.tags = tags.tags }
    }
}

struct ListResourceTags: KeyOperation {
    /// The most tags on one page (KMS API Reference, ListResourceTags).
    private static let largestPage = 50

    static let description = OperationDescription(
        .listResourceTags, quota: .own(perSecond: 2000), recorded: .read("KeyId", "Limit", "Marker")
    )

    static func keyIdentifier(in input: API.ListResourceTagsRequest) -> String { input.keyId }

    static func perform(
        _ input: API.ListResourceTagsRequest, under permit: Permit<KeySnapshot>,
        in context: RequestContext
    ) async throws(KMSError) -> Outcome<API.ListResourceTagsResponse> {
        let scope = PageScope(.listResourceTags, of: permit.subject.arnText)
        let tags = permit.subject.record.tags
        // A page ends at a tag's key, not at a number, so that a tag removed meanwhile moves nothing past a reader.
        let last = try scope.position(in: input.marker) { $0 }
        let start = try scope.start(behind: last, in: tags) { $0.key.isSame(as: $1) }
        let page = scope.page(of: tags[start...], limit: min(input.limit ?? largestPage, largestPage)) { $0.key }
        return Outcome(
            API.ListResourceTagsResponse(
                tags: page.elements.map { API.TagOutput(tagKey: $0.key, tagValue: $0.value) },
                nextMarker: page.nextMarker, truncated: page.isTruncated
            )
        )
    }
}

/// The tags of one key, and the rules for changing them.
///
/// Source: KMS Developer Guide, "Tags in AWS KMS"; the sentences are AWS's own. Keys are compared by their bytes.
struct TagList {
    /// What a customer's tag must not begin with, in any case.
    private static let reservedPrefix = "aws:"

    private(set) var tags: [Tag]

    init(_ tags: [Tag]) { self.tags = tags }

    /// With `added` set: a known key keeps its place, a new one goes to the end; all or none.
    ///
    /// - Throws: ``KMSError`` with `TagException`.
    func setting(_ added: [API.TagInput], quota: Int) throws(KMSError) -> TagList {
        try Self.check(added.map(\.tagKey))
        var places: [[UInt8]: Int] = [:]
        for (index, tag) in tags.enumerated() { places[Array(tag.key.utf8)] = index }
        var result = tags
        for tag in added {
            if let place = places[Array(tag.tagKey.utf8)] {
                result[place].value = tag.tagValue
            } else {
                result.append(Tag(key: tag.tagKey, value: tag.tagValue))
            }
        }
        guard result.count <= quota else { throw KMSError(.tag, "Too many tags") }
        return TagList(result)
    }

    /// Without the tags of these keys; unknown ones are ignored.
    func removing(_ keys: [String]) throws(KMSError) -> TagList {
        for key in keys where Self.isReserved(key) { throw Self.reserved }
        let removed = Set(keys.map { Array($0.utf8) })
        return TagList(tags.filter { !removed.contains(Array($0.key.utf8)) })
    }

    private static func check(_ keys: [String]) throws(KMSError) {
        guard Set(keys.map { Array($0.utf8) }).count == keys.count else {
            throw KMSError(.tag, "Duplicate tag keys")
        }
        for key in keys where isReserved(key) { throw reserved }
    }

    private static let reserved = KMSError(.tag, "Tags beginning with aws: are reserved")

    private static func isReserved(_ key: String) -> Bool { key.hasBytePrefix(ignoringCase: reservedPrefix) }
}
