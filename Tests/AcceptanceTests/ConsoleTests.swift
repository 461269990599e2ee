import Testing

extension AcceptanceTests {
    /// Scripts that visit the console with a browser, as people do.
    @Suite(.serialized)
    struct ConsoleTests {
        static let scripts = [
            "console_access", "console_audit", "console_create", "console_explain", "console_key", "console_keys",
            "console_quotas", "console_regions", "console_sign_in",
        ]

        @Test(.needs(.python), .needs(.browser), .timeLimit(.minutes(6)), arguments: scripts)
        func `people find what the console promises`(script: String) async throws {
            try await Script.run(script)
        }
    }
}
