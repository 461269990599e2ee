/// Why the plugin cannot run, in one line.
package struct PluginFailure: Error, Sendable {
    /// The reason, for people.
    package let message: String

    init(_ message: String) { self.message = message }
}
