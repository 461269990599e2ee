/// What a browser gets.
package struct ConsoleResponse: Sendable {
    /// The HTTP status.
    package var status = 200
    /// The headers that are not the same for all answers.
    package var headers: [(name: String, value: String)] = []
    /// The bytes of the body.
    package var body: [UInt8] = []

    package init(status: Int = 200, headers: [(name: String, value: String)] = [], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// What every answer of the console has.
    ///
    /// The policy admits what this server sends and nothing that a page has inside; a form can be sent to this server only,
    /// and no other site may frame a page.
    package static let commonHeaders: [(name: String, value: String)] = [
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
                + "base-uri 'none'; frame-ancestors 'none'"
        ),
        ("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"), ("cross-origin-resource-policy", "same-origin"),
    ]

    /// A page.
    static func page(_ html: String, status: Int = 200) -> Self {
        Self(
            status: status, headers: [("content-type", "text/html; charset=utf-8"), ("cache-control", "no-store")],
            body: Array(html.utf8))
    }

    /// Sends the browser to another page, which it gets by GET.
    static func seeOther(_ path: String) -> Self {
        Self(status: 303, headers: [("location", path), ("cache-control", "no-store")])
    }

    /// A file that the browser saves.
    ///
    /// - Parameter name: Letters, digits, dots and hyphens only.
    static func download(_ bytes: [UInt8], as name: String, type: String) -> Self {
        Self(
            headers: [
                ("content-type", type), ("cache-control", "no-store"),
                ("content-disposition", "attachment; filename=\"\(name)\""),
            ], body: bytes)
    }

    /// A file of the console itself, whose path changes with its contents.
    static func asset(_ bytes: [UInt8], type: String) -> Self {
        Self(
            headers: [("content-type", type), ("cache-control", "public, max-age=31536000, immutable")], body: bytes)
    }

    /// The same, setting a cookie.
    func setting(_ cookie: ConsoleCookie, to value: String, isSecure: Bool) -> Self {
        adding([cookie.setting(value, isSecure: isSecure)])
    }

    /// The same, taking a cookie away.
    func removing(_ cookie: ConsoleCookie) -> Self { adding(cookie.removals) }

    private func adding(_ cookies: [String]) -> Self {
        var response = self
        response.headers += cookies.map { ("set-cookie", $0) }
        return response
    }
}
