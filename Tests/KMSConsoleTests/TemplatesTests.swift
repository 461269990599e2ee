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
        for name in Templates.Name.allCases where name != .alert {
            #expect(!templates.render(name, Content(text: "")).isEmpty, "\(name)")
        }
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
