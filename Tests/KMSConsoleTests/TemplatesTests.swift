import Foundation
import KMSConsole
import Testing

struct TemplatesTests {
    private static let directory = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().appendingPathComponent("../../Sources/KMSConsole/Templates").standardized

    private static func sources() throws -> [(name: String, text: String)] {
        try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil).map { file in
            (file.deletingPathExtension().lastPathComponent, try String(contentsOf: file, encoding: .utf8))
        }
    }

    private struct Content: Sendable { let text: String }

    @Test func `all templates can be read`() throws {
        let templates = try Templates()
        // Parts of pages are sections, of which nothing is left without what they are about.
        let pages = try Set(Self.sources().filter { $0.text.hasPrefix("{{<layout}}") }.map(\.name))
        for name in Templates.Name.allCases where pages.contains(name.rawValue) {
            #expect(templates.render(name, Content(text: "")).hasPrefix("<!doctype html>"), "\(name)")
        }
        #expect(pages.count > 20)
    }

    @Test func `every file is a template that has a name`() throws {
        #expect(try Set(Self.sources().map(\.name)) == Set(Templates.Name.allCases.map(\.rawValue)))
    }

    /// Texts unescaped, and what the policy for contents would refuse anyway.
    @Test(arguments: ["{{{", "{{&", "CONTENT_TYPE", "<style", "style=", "<script>", "javascript:", "onclick="])
    func `no template writes`(forbidden: String) throws {
        for source in try Self.sources() {
            #expect(!source.text.contains(forbidden), "\(source.name)")
        }
    }

    @Test func `every form that posts brings the token back`() throws {
        for source in try Self.sources() {
            for form in source.text.components(separatedBy: "<form ").dropFirst() where form.contains("method=\"post\"")
            {
                let inside = form.components(separatedBy: "</form>")[0]
                #expect(inside.contains("<input type=\"hidden\" name=\"token\" value=\"{{"), "\(source.name)")
            }
        }
    }
}
