import KMSModel
import Testing

struct ExternalKeyIDTests {
    @Test(arguments: ["a", "0", "-", "_", "a.b", "...", "orders.2026_a-1", String(repeating: "Z", count: 128)])
    func `letters, digits, hyphens, underscores and periods are an identifier`(text: String) {
        #expect(ExternalKeyID(text)?.description == text)
    }

    /// A segment of periods alone would be another path to whoever signs, or follows it.
    @Test(arguments: ["", ".", "..", "a/b", "a b", "a%2f", "a\0", "\u{e9}", "a\n", String(repeating: "Z", count: 129)])
    func `anything else is none`(text: String) { #expect(ExternalKeyID(text) == nil) }
}
