import Foundation
package import KMSEngine
import KMSModel

/// A request of a browser, as the console sees it.
package struct ConsoleRequest: Sendable {
    /// Whether the request may change something; the only other method is GET.
    package private(set) var isPost: Bool
    /// The parts of the path behind `/console`, decoded.
    package let path: [String]
    /// The path and the query as they came.
    package let target: String
    /// What stands behind the question mark.
    package let query: FormFields
    /// What a form has sent.
    package private(set) var form: FormFields
    /// The browser's cookies by their names.
    package let cookies: [String: String]
    /// The header `Origin`: the scheme, name and port of the page that the form is on.
    package let origin: String?
    /// The header `Sec-Fetch-Site`: how that page is related to this server.
    package let fetchSite: String?
    /// The header `Host`.
    package let host: String?
    /// Who is at the other end of the connection.
    package let client: Client

    /// Reads a request.
    ///
    /// - Parameters:
    ///   - path: All of the path, still percent-encoded, which begins with `/console`.
    ///   - cookies: The value of the header `Cookie`.
    /// - Returns: Nil for a path, query or form that cannot be read, and for texts that take long to compare or to search:
    ///   ``Swift/String/isStreamSafe``.
    package init?(
        isPost: Bool, path: String, query: String, body: [UInt8], cookies: String?, origin: String?,
        fetchSite: String?, host: String?, client: Client
    ) {
        guard path.isASCII, query.isASCII, (cookies ?? "").isStreamSafe else { return nil }
        let parts = path.split(separator: "/").dropFirst().map { $0.removingPercentEncoding }
        let target = query.isEmpty ? path : "\(path)?\(query)"
        guard parts.allSatisfy({ $0?.isStreamSafe == true }), let query = FormFields(query.utf8),
            let form = FormFields(body)
        else { return nil }
        self.isPost = isPost
        self.path = parts.compactMap(\.self)
        self.target = target
        self.query = query
        self.form = form
        self.cookies = Self.cookies(in: cookies ?? "")
        self.origin = origin
        self.fetchSite = fetchSite
        self.host = host
        self.client = client
    }

    /// Source: RFC 6265, section 5.4; of two cookies with one name the first, whose path is longer, counts.
    private static func cookies(in header: String) -> [String: String] {
        var cookies: [String: String] = [:]
        for pair in header.split(separator: ";") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            let name = String(parts[0].drop { $0 == " " })
            if cookies[name] == nil { cookies[name] = String(parts[1]) }
        }
        return cookies
    }

    /// Whether the browser says that a page of another site has sent the form.
    ///
    /// What it says of the page's site holds behind a proxy too, which may pass on another host. Older browsers say nothing,
    /// those that have the page without TLS name its origin alone, and programs say neither: then the token of the form
    /// decides.
    package var isCrossSite: Bool {
        switch fetchSite {
        case "same-origin"?: false
        case nil, "none"?: origin.map { !isOwn($0) } ?? false
        default: true
        }
    }

    /// Whether the browser says that a page of this server has sent the form; it may also say nothing.
    package var isFromHere: Bool {
        fetchSite == "same-origin" || fetchSite == nil && origin.map { isOwn($0) } ?? false
    }

    private func isOwn(_ origin: String) -> Bool {
        guard let host else { return false }
        return origin == "http://\(host)" || origin == "https://\(host)"
    }

    /// The request for the page that a form is on, with what was typed into it: nothing is to be done.
    func showing(_ form: FormFields) -> Self {
        var request = self
        (request.isPost, request.form) = (false, form)
        return request
    }

    /// Whether the browser has the page by TLS, as far as it says so; what it says holds behind a proxy too.
    ///
    /// With a form it names the origin. Otherwise it tells how the page is related to this server only where it trusts the way:
    /// by TLS, or on the machine itself (Fetch Metadata, "Framework"; Secure Contexts, section 3.1).
    package var isSecure: Bool {
        if client.isSecure { return true }
        if let origin, origin != "null" { return origin.hasPrefix("https://") }
        return fetchSite != nil && !isOfThisMachine
    }

    private var isOfThisMachine: Bool {
        guard let host else { return true }
        let name = host.hasPrefix("[") ? host.prefix { $0 != "]" }.dropFirst() : host.prefix { $0 != ":" }
        return name == "::1" || name.hasPrefix("127.") || name.lowercased() == "localhost"
            || name.lowercased().hasSuffix(".localhost")
    }
}

/// The fields of a form or a query, in the order in which they were sent.
package struct FormFields: Sendable {
    let pairs: [(name: String, value: String)]

    init(_ pairs: [(name: String, value: String)]) { self.pairs = pairs }

    /// Returns nil for what cannot be read, and for texts that take long to compare: ``Swift/String/isStreamSafe``.
    package init?(_ bytes: some Collection<UInt8>) {
        guard let pairs = FormEncoding.pairs(in: bytes),
            pairs.allSatisfy({ $0.name.isStreamSafe && $0.value.isStreamSafe })
        else { return nil }
        self.pairs = pairs
    }

    /// The first field of this name; texts of several lines come with line feeds alone.
    package subscript(name: String) -> String? {
        pairs.first { $0.name == name }?.value.replacingOccurrences(
            of: "\r\n", with: "\n", options: .literal)
    }

    /// The text of a field without white space around it; nil when there is nothing else.
    package func text(_ name: String) -> String? {
        let text = self[name]?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
        return text.isEmpty ? nil : text
    }

    /// All fields of this name.
    package func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

    /// Whether a box is ticked.
    package func has(_ name: String) -> Bool { pairs.contains { $0.name == name } }
}
