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
        case key

        fileprivate var source: [UInt8] {
            switch self {
            case .layout: PackageResources.layout_mustache
            case .alert: PackageResources.alert_mustache
            case .signIn: PackageResources.sign_in_mustache
            case .failure: PackageResources.failure_mustache
            case .keys: PackageResources.keys_mustache
            case .confirmDeletions: PackageResources.confirm_deletions_mustache
            case .key: PackageResources.key_mustache
            }
        }
    }

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
