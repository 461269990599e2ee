import Testing

extension AcceptanceTests {
    /// Scripts that ask the Kubernetes plugin what the API server asks it.
    @Suite(.serialized)
    struct KubernetesTests {
        static let scripts = ["kubernetes", "kubernetes_socket"]

        @Test(.needs(.python), .needs(.grpc), .timeLimit(.minutes(6)), arguments: scripts)
        func `the API server finds what its API promises`(script: String) async throws {
            try await Script.run(script)
        }
    }
}
