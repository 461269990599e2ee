import KMSCrypto
import KMSModel

/// What is the same for all pages: their templates, and the files that they refer to.
struct Site: Sendable {
    let templates: Templates
    private let stylesheet: Asset
    private let script: Asset
    private let icon: Asset

    private struct Asset: Sendable {
        let name: String
        let type: String
        let bytes: [UInt8]
        var path: String { "/console/assets/\(name)" }

        /// The name changes with the contents, so that browsers can keep the file.
        init(_ bytes: [UInt8], _ ending: String, type: String) {
            name = "\(Hex.encode(Array(Digest.sha256(bytes).prefix(8)))).\(ending)"
            self.type = type
            self.bytes = bytes
        }
    }

    /// - Throws: As ``Templates/init()``.
    init() throws {
        templates = try Templates.all.get()
        stylesheet = Asset(PackageResources.console_css, "css", type: "text/css; charset=utf-8")
        script = Asset(PackageResources.console_js, "js", type: "text/javascript; charset=utf-8")
        icon = Asset(PackageResources.console_svg, "svg", type: "image/svg+xml")
    }

    /// The file of this name.
    func asset(_ name: String) -> ConsoleResponse? {
        [stylesheet, script, icon].first { $0.name == name }.map { .asset($0.bytes, type: $0.type) }
    }

    /// The frame of a page that nobody has to sign in for.
    func frame(_ title: String) -> Frame {
        Frame(title: title, stylesheet: stylesheet.path, script: script.path, icon: icon.path)
    }
}

/// What a template is given.
struct Screen<Content: Sendable>: Sendable {
    let frame: Frame
    /// What went wrong, if the page is to say so.
    let alert: Alert?
    let content: Content
}

/// What one page leaves for the next.
struct Notices: Sendable {
    let sessions: ConsoleSessions
    let name: String

    func leave(_ notice: String) { sessions.leave(notice, in: name) }
    func take() -> String? { sessions.takeNotice(of: name) }
    func leave(_ accessKey: NewAccessKey) { sessions.keep(accessKey, in: name) }
    func newAccessKey(_ id: String) -> NewAccessKey? { sessions.newAccessKey(id, of: name) }

    /// Says that a form was sent once more, where its page does not wait yet to say what was done the first time.
    func leaveForRepetition() {
        sessions.leave(
            "This form was sent before. It was done then, and nothing was done now.", in: name, isReplacing: false)
    }
}
