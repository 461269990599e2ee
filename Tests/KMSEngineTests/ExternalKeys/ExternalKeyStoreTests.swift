import Foundation
import KMSAccess
import KMSEngine
import KMSModel
import Testing

/// Two engines, the keys of one being behind the other; `Scripts/external_key_store.py` has them over a network.
struct ExternalKeyStoreTests {
    private typealias World = ExternalKeyWorld

    @Test func `it takes both to decrypt`() async throws {
        try await World.use { world in
            let store = try await world.connectedStore()
            let key = try await world.makeKey(in: store).string("KeyMetadata", "Arn")
            let sealed = try await world.encrypt(key).string("CiphertextBlob")
            #expect(try await world.decrypt(sealed).string("Plaintext") == "SGVsbG8gV29ybGQh")
            #expect(await world.decrypt(sealed, context: "c").code == .kmsInvalidState)
            let given = try #require(world.transport.requests.first { $0.path.hasSuffix("/encrypt") })
            #expect(!String(decoding: given.body, as: UTF8.self).contains("SGVsbG8"))
            _ = await world.far.harness.call(.disableKey, #"{"KeyId":"\#(world.far.key)"}"#)
            #expect(await world.decrypt(sealed).code == .kmsInvalidState)
            #expect(await world.encrypt(key).code == .kmsInvalidState)
        }
    }

    @Test func `a key is behind one KMS key of a store`() async throws {
        try await World.use { world in
            let store = try await world.connectedStore()
            #expect(await world.makeKey(in: store).code == nil)
            #expect(await world.makeKey(in: store).code == .xksKeyAlreadyInUse)
            #expect(await world.makeKey(in: store, "other").code == .xksKeyNotFound)
        }
    }

    private static let failures: [(ExternalKeyFailure, store: KMSError.Code, key: KMSError.Code)] = [
        (.timedOut, .xksProxyUriUnreachable, .customKeyStoreInvalidState),
        (.unreachable("x"), .xksProxyUriUnreachable, .customKeyStoreInvalidState),
        (.managersUnavailable, .xksProxyUriUnreachable, .customKeyStoreInvalidState),
        (.insecure("x"), .xksProxyInvalidConfiguration, .customKeyStoreInvalidState),
        (.invalidAnswer("x"), .xksProxyInvalidResponse, .customKeyStoreInvalidState),
        (.refused(.authenticationFailed, "x"), .xksProxyIncorrectAuthenticationCredential, .customKeyStoreInvalidState),
        (.refused(.accessDenied, "x"), .xksProxyInvalidConfiguration, .customKeyStoreInvalidState),
        (.refused(.dependencyTimeout, "x"), .xksProxyUriUnreachable, .customKeyStoreInvalidState),
        (.refused(.internalError, "x"), .xksProxyInvalidResponse, .customKeyStoreInvalidState),
        (.refused(.invalidKeyUsage, "x"), .xksProxyInvalidResponse, .xksKeyInvalidConfiguration),
        (.refused(.invalidState, "x"), .xksProxyInvalidResponse, .xksKeyInvalidConfiguration),
        (.refused(.invalidURIPath, "x"), .xksProxyInvalidConfiguration, .customKeyStoreInvalidState),
        (.refused(.keyNotFound, "x"), .xksProxyInvalidResponse, .xksKeyNotFound),
        (.refused(.throttling, "x"), .xksProxyUriUnreachable, .customKeyStoreInvalidState),
        (.refused(.validation, "x"), .xksProxyInvalidResponse, .customKeyStoreInvalidState),
    ]

    /// What fails on the way shows as AWS shows it, and never in the words of somebody else.
    @Test(arguments: failures.indices)
    func `a failure is told as the operation tells it`(index: Int) async throws {
        let (failure, ofStore, ofKey) = Self.failures[index]
        try await World.use { world in
            let store = try await world.connectedStore()
            let key = try await world.makeKey(in: store).string("KeyMetadata", "Arn")
            let sealed = try await world.encrypt(key).string("CiphertextBlob")
            world.transport.meddle { _ in .failure(failure) }
            for (answer, code) in [
                (await world.encrypt(key), .kmsInvalidState), (await world.decrypt(sealed), .kmsInvalidState),
                (await world.makeKey(in: store, "another"), ofKey),
                (await world.makeStore("t", at: "/two/kms/xks/v1"), ofStore),
            ] {
                #expect(answer.code == code)
                if case .failure(let error) = answer.result { #expect(!(error.message ?? "").contains(": x")) }
            }
            world.transport.meddle(nil)
            #expect(await world.decrypt(sealed).code == nil)
        }
    }

    @Test func `a store stays connected through a start, however its proxy is`() async throws {
        try await World.use { world in
            let store = try await world.connectedStore()
            let key = try await world.makeKey(in: store).string("KeyMetadata", "Arn")
            let sealed = try await world.encrypt(key).string("CiphertextBlob")
            world.transport.meddle { _ in .failure(.timedOut) }
            try await world.startAgain { again in
                try await again.settle(store, "CONNECTED")
                #expect(await again.decrypt(sealed).code == .kmsInvalidState)
                world.transport.meddle(nil)
                #expect(try await again.decrypt(sealed).string("Plaintext") == "SGVsbG8gV29ybGQh")
            }
        }
    }

    @Test func `what a store admits is counted for all of its keys`() async throws {
        let account = try #require(EngineHarness.account)
        let text = #"{"\#(account)":{"requests":{"customKeyStore":3}}}"#
        let quotas = QuotaSettings(overrides: try QuotaOverrides(json: text.utf8))
        try await World.use(quotas: quotas) { world in
            let store = try await world.connectedStore()
            let key = try await world.makeKey(in: store).string("KeyMetadata", "Arn")
            var codes: [KMSError.Code?] = []
            for _ in 0..<8 { codes.append(await world.encrypt(key).code) }
            #expect(codes.prefix(3).allSatisfy { $0 == nil })
            #expect(codes.contains(.throttling))
            // What is asked for and not done is not counted, nor is what has nothing to do with the store.
            #expect(
                await world.call(.encrypt, #"{"KeyId":"\#(key)","Plaintext":"YQ==","DryRun":true}"#).code
                    == .dryRunOperation)
            let ordinary = try await world.call(.createKey, "{}").string("KeyMetadata", "Arn")
            for _ in 0..<8 { #expect(await world.encrypt(ordinary).code == nil) }
        }
    }

    @Test func `a request is signed for the proxy and names who asked`() async throws {
        try await World.use { world in
            let store = try await world.connectedStore()
            let key = try await world.makeKey(in: store).string("KeyMetadata", "Arn")
            #expect(await world.encrypt(key).code == nil)
            let request = try #require(world.transport.requests.last)
            #expect(request.path == "/one/kms/xks/v1/keys/k/encrypt" && request.query.isEmpty)
            guard case .object(let body) = try JSONParser.parse(request.body) else {
                throw JSONFailure.syntax(offset: 0)
            }
            let metadata = try #require(body.object("requestMetadata"))
            #expect(metadata.text("kmsKeyArn") == key && metadata.text("kmsOperation") == "Encrypt")
            #expect(metadata.text("awsPrincipalArn") == "arn:aws:iam::111122223333:root")
            #expect(metadata.text("kmsRequestId")?.count == 36)
        }
    }
}
