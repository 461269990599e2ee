import Testing

extension AcceptanceTests {
    /// Scripts like those of ``ScriptTests`` that mostly wait: for deadlines, quotas and changes that take their time.
    @Suite(.serialized)
    struct PatientScriptTests {
        static let scripts = [
            "bad_requests", "clock", "connections", "crowds", "delegation", "explain", "hsm_faults", "hsm_key_store",
            "lookup_events",
            "multi_region",
            "proxies", "service_manager", "session_tokens", "sessions", "shared_key_stores",
            "shared_store", "states", "store_copy",
            "throttling", "tls", "unseal",
        ]

        @Test(.needs(.python), .timeLimit(.minutes(6)), arguments: scripts)
        func `clients find what the API promises in time`(script: String) async throws {
            try await Script.run(script)
        }
    }
}
