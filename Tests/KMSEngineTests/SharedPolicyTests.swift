import Foundation
import KMSModel
import Testing

/// Keys with one policy share what was made of it; those whose policies only look alike do not.
@Suite struct SharedPolicyTests {
    private static let spellings = ["\u{E9}", "e\u{301}"]
    /// The same as a policy may have them, whose characters are those of Latin 1.
    private static let escaped = [#"\u00e9"#, #"e\u0301"#]

    private func policy(_ value: String) -> String {
        #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"#
            + #""Action":"kms:*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*","#
            + #""Condition":{"StringEquals":{"kms:EncryptionContext:place":"\#(value)"}}}]}"#
    }

    @Test func `two spellings of one letter are two policies, also after a start`() async throws {
        try await withTemporaryDirectory { directory in
            var harness = try await EngineHarness(in: directory)
            var keys: [String] = []
            for spelling in Self.escaped {
                let escaped = policy(spelling).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                keys.append(try await harness.makeKey(#"{"Policy":"\#(escaped)"}"#))
            }
            try await harness.close()
            harness = try await EngineHarness(in: directory)
            var shown: Set<[UInt8]> = []
            for (key, spelling) in zip(keys, Self.spellings) {
                for asked in Self.spellings {
                    let answer = await harness.call(
                        .encrypt, #"{"KeyId":"\#(key)","Plaintext":"aGk=","EncryptionContext":{"place":"\#(asked)"}}"#)
                    let isDenied = Array(asked.utf8) == Array(spelling.utf8)
                    #expect(answer.code == (isDenied ? .accessDenied : nil))
                }
                let policy = try await harness.call(.getKeyPolicy, #"{"KeyId":"\#(key)"}"#).string("Policy")
                shown.insert(Array(policy.utf8))
            }
            #expect(shown.count == 2)
            try await harness.close()
        }
    }
}
