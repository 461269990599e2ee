import KMSModel
import Testing

/// A start has every key, or fails.
@Suite struct StartTests {
    @Test func `a start that is cancelled fails, and never has a part of the keys`() async throws {
        try await withTemporaryDirectory { directory in
            let harness = try await EngineHarness(in: directory)
            var made: [String] = []
            for _ in 0..<20 { made.append(try await harness.makeKey()) }
            try await harness.close()
            for _ in 0..<10 {
                let start = Task { [made] in
                    while !Task.isCancelled { await Task.yield() }
                    guard let harness = try? await EngineHarness(in: directory) else { return true }
                    let listed = await harness.call(.listKeys, "{}")
                    try await harness.close()
                    guard case .array(let keys)? = try listed.object()["Keys"] else { return false }
                    return keys.count == made.count
                }
                start.cancel()
                #expect(try await start.value)
            }
        }
    }
}
