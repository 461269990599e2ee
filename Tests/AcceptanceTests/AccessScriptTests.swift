import Testing

extension AcceptanceTests {
    /// Scripts like those of ``ScriptTests`` about who may do what.
    @Suite(.serialized)
    struct AccessScriptTests {
        static let scripts = [
            "access", "access_accounts", "access_conditions", "access_grants", "access_keys", "access_limits",
            "accounts", "conditions", "grant_ends", "grants", "hardening", "identities", "identity_audit",
            "identity_documents", "identity_limits", "identity_lists", "identity_policies", "lookalikes", "policies",
            "query_protocol", "sts",
        ]

        @Test(.needs(.python), .timeLimit(.minutes(6)), arguments: scripts)
        func `clients are allowed and denied what the policies say`(script: String) async throws {
            try await Script.run(script)
        }
    }
}
