import KMSAccess
import KMSModel

/// Policies as people edit them.
enum PolicyLayout {
    /// A policy that somebody has laid out stays as it is; one that stands on a single line is laid out as AWS does it.
    static func readable(_ text: String) -> String {
        guard !text.contains("\n"), let value = try? JSONParser.parse(text.utf8) else { return text }
        return PolicyText.print(value)
    }
}
