import Mustache

/// The pages' templates, which are in the program itself.
package struct Templates: Sendable {
    /// What a page is made of.
    package enum Name: String, CaseIterable {
        case layout, alert
        case signIn = "sign-in"
        case failure
        case keys
        case confirmDeletions = "confirm-deletions"
        case keyHead = "key-head"
        case keyGeneral = "key-general"
        case keyDelete = "key-delete"
        case keyPolicy = "key-policy"
        case keyCryptography = "key-cryptography"
        case keyTags = "key-tags"
        case keyAliases = "key-aliases"
        case keyRotation = "key-rotation"
        case keyGrants = "key-grants"
        case keyMaterial = "key-material"
        case keyRegions = "key-regions"
        case keyActivity = "key-activity"
        case keyRefused = "key-refused"
        case plot
        case events
        case audit
        case usage
        case requestQuotas = "request-quotas"
        case createBegin = "create-begin"
        case createEnd = "create-end"
        case createPeople = "create-people"
        case createKind = "create-kind"
        case createLabels = "create-labels"
        case createAdministrators = "create-administrators"
        case createUsers = "create-users"
        case createReview = "create-review"
        case accessList = "access-list"
        case accessCreation = "access-create"
        case accessSubject = "access-subject"
        case accessRefusal = "access-refusal"
        case accessPolicy = "access-policy"
        case accessInline = "access-inline"
        case accessKey = "access-key"
        case explain

        fileprivate var source: [UInt8] {
            switch self {
            case .layout: PackageResources.layout_mustache
            case .alert: PackageResources.alert_mustache
            case .signIn: PackageResources.sign_in_mustache
            case .failure: PackageResources.failure_mustache
            case .keys: PackageResources.keys_mustache
            case .confirmDeletions: PackageResources.confirm_deletions_mustache
            case .keyHead: PackageResources.key_head_mustache
            case .keyGeneral: PackageResources.key_general_mustache
            case .keyDelete: PackageResources.key_delete_mustache
            case .keyPolicy: PackageResources.key_policy_mustache
            case .keyCryptography: PackageResources.key_cryptography_mustache
            case .keyTags: PackageResources.key_tags_mustache
            case .keyAliases: PackageResources.key_aliases_mustache
            case .keyRotation: PackageResources.key_rotation_mustache
            case .keyGrants: PackageResources.key_grants_mustache
            case .keyMaterial: PackageResources.key_material_mustache
            case .keyRegions: PackageResources.key_regions_mustache
            case .keyActivity: PackageResources.key_activity_mustache
            case .keyRefused: PackageResources.key_refused_mustache
            case .plot: PackageResources.plot_mustache
            case .events: PackageResources.events_mustache
            case .audit: PackageResources.audit_mustache
            case .usage: PackageResources.usage_mustache
            case .requestQuotas: PackageResources.request_quotas_mustache
            case .createBegin: PackageResources.create_begin_mustache
            case .createEnd: PackageResources.create_end_mustache
            case .createPeople: PackageResources.create_people_mustache
            case .createKind: PackageResources.create_kind_mustache
            case .createLabels: PackageResources.create_labels_mustache
            case .createAdministrators: PackageResources.create_administrators_mustache
            case .createUsers: PackageResources.create_users_mustache
            case .createReview: PackageResources.create_review_mustache
            case .accessList: PackageResources.access_list_mustache
            case .accessCreation: PackageResources.access_create_mustache
            case .accessSubject: PackageResources.access_subject_mustache
            case .accessRefusal: PackageResources.access_refusal_mustache
            case .accessPolicy: PackageResources.access_policy_mustache
            case .accessInline: PackageResources.access_inline_mustache
            case .accessKey: PackageResources.access_key_mustache
            case .explain: PackageResources.explain_mustache
            }
        }
    }

    /// Read once, by whoever asks first.
    static let all = Result { try Templates() }

    private let library: MustacheLibrary

    /// - Throws: What the parser says of a template that is none: a defect of this program, which its tests find.
    package init() throws {
        MustacheContentTypes.register(EscapedHTML(), named: EscapedHTML.name)
        var templates: [String: MustacheTemplate] = [:]
        for name in Name.allCases {
            // Each template says it anew: a partial begins with the library's own escaping.
            let text = "{{% CONTENT_TYPE:\(EscapedHTML.name)}}" + String(decoding: name.source, as: UTF8.self)
            templates[name.rawValue] = try MustacheTemplate(string: text)
        }
        library = MustacheLibrary(templates: templates)
    }

    /// The page that a model's stored properties make.
    package func render(_ name: Name, _ model: some Sendable) -> String {
        library.render(model, withTemplate: name.rawValue) ?? ""
    }
}

/// Texts in HTML, byte by byte.
///
/// The library's own escaping looks at characters: a quotation mark with an accent behind it is another character to it, and
/// the browser's quotation mark.
///
/// Source: HTML Living Standard, "Serializing HTML fragments", and apostrophes besides.
package struct EscapedHTML: MustacheContentType {
    /// How templates say that their texts are escaped by this.
    package static let name = "CONSOLE"

    package init() {}

    /// The text as it may stand between tags, and in an attribute between quotation marks of either kind.
    package func escapeText(_ text: String) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "&"): bytes += "&amp;".utf8
            case UInt8(ascii: "<"): bytes += "&lt;".utf8
            case UInt8(ascii: ">"): bytes += "&gt;".utf8
            case UInt8(ascii: "\""): bytes += "&quot;".utf8
            case UInt8(ascii: "'"): bytes += "&#39;".utf8
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
