package import KMSAccess
import KMSCrypto
import KMSModel
import KMSStore

/// Answers another KMS that keeps its keys here: the External Key Store Proxy API, version 1.
///
/// Source: AWS KMS External Key Store Proxy API Specification 1.0.2 (aws/aws-kms-xksproxy-api-spec).
package struct KeyStoreProxyService: Sendable {
    /// An answer, and the status that it has.
    package struct Answer: Sendable {
        /// Of HTTP.
        package let status: Int
        /// An object of JSON.
        package let body: [UInt8]

        package init(status: Int, body: [UInt8]) {
            self.status = status
            self.body = body
        }
    }

    let pipeline: Pipeline
    let proxies: KeyStoreProxies
    /// The name of this node among those that share the store, if they do.
    let node: String?

    /// Whether there is a proxy at this path.
    package func isThere(_ path: KeyStoreProxyPath) -> Bool { proxies.entry(at: path.uriPath) != nil }

    /// Answers a request, and keeps its record before the answer leaves.
    ///
    /// Nothing but the path of the proxy is looked at before it is known that the request was signed with one of its
    /// credentials; requests that nobody signed are counted, and leave no record.
    ///
    /// - Returns: Nil when there is no proxy at the path.
    package func answer(
        _ request: SignedRequest, at path: KeyStoreProxyPath, from client: Client, requestID: String
    ) async -> Answer? {
        let watch = Stopwatch()
        guard let entry = proxies.entry(at: path.uriPath) else { return nil }
        let accessKeyID: String
        do throws(AuthenticationFailure) {
            accessKeyID = try entry.proxy.authenticator.verify(request, at: pipeline.clock.signingTime)
        } catch {
            let refusal = KeyStoreProxyError(error)
            pipeline.metrics.requests.record(.keyStoreProxy, "Unauthenticated", refusal.name.rawValue, watch)
            return Answer(refusal)
        }
        var record = KeyStoreProxyRecord(
            time: pipeline.clock.now, accessKeyID: accessKeyID, uriPath: path.uriPath, requestID: requestID,
            client: client, callingRegion: entry.proxy.region)
        var result = await run(request, at: path, entry, &record)
        if case .failure(let error) = result { record.error = error }
        do throws(AuditFailure) {
            try await pipeline.audit.append(record.line())
        } catch {
            pipeline.audit.report(error, of: requestID)
            result = .failure(KeyStoreProxyError(error))
        }
        let operation = record.operation?.rawValue ?? KeyStoreProxyRecord.unknown
        switch result {
        case .success(let body):
            pipeline.metrics.requests.record(.keyStoreProxy, operation, nil, watch)
            return Answer(status: 200, body: body)
        case .failure(let error):
            pipeline.metrics.requests.record(.keyStoreProxy, operation, error.name.rawValue, watch)
            return Answer(error)
        }
    }

    private func run(
        _ request: SignedRequest, at path: KeyStoreProxyPath, _ entry: KeyStoreProxies.Entry,
        _ record: inout KeyStoreProxyRecord
    ) async -> Result<[UInt8], KeyStoreProxyError> {
        do throws(KeyStoreProxyError) {
            return .success(try await perform(request, at: path, entry, &record))
        } catch {
            return .failure(error)
        }
    }

    private func perform(
        _ request: SignedRequest, at path: KeyStoreProxyPath, _ entry: KeyStoreProxies.Entry,
        _ record: inout KeyStoreProxyRecord
    ) async throws(KeyStoreProxyError) -> [UInt8] {
        let proxy = entry.proxy
        let call = path.call
        (record.operation, record.externalKeyID) = (call?.operation, call?.externalKeyID)
        let offered = call?.externalKeyID.flatMap { proxy.keys[$0] }
        record.key = offered?.arn
        let body = Result { () throws(KeyStoreProxyError) in try KeyStoreProxyRequest(request.body) }
        if case .success(let body) = body { record.metadata = body.toldMetadata }
        guard entry.admission.admits(at: proxy.rate.share(among: proxies.nodeCount)) else {
            throw KeyStoreProxyError(.throttling, "The proxy is asked for more requests a second than it admits.")
        }
        guard let call, request.query.isEmpty else {
            throw KeyStoreProxyError(.invalidURIPath, "There is no such operation.")
        }
        let read = try body.get()
        let metadata = try read.metadata(for: call.operation)
        guard call.operation != .getHealthStatus else { return try health() }
        guard let offered else { throw Self.notFound }
        try offered.authorize(call.operation, for: metadata)
        switch call.operation {
        case .encrypt: return try await encrypt(read, with: offered.arn, record)
        case .decrypt: return try await decrypt(read, with: offered.arn, record)
        case .getKeyMetadata, .getHealthStatus: return try await self.metadata(of: offered.arn, at: record.time)
        }
    }

    static var notFound: KeyStoreProxyError { KeyStoreProxyError(.keyNotFound, "There is no such external key.") }

    // MARK: Health

    /// How this server is, once it has encrypted and decrypted something: with no key of anybody's.
    private func health() throws(KeyStoreProxyError) -> [UInt8] {
        try checkMemory()
        do throws(CryptoFailure) { try pipeline.keyring.tryExternalUse() } catch { throw KeyStoreProxyError(error) }
        let isCutOff = if case .cutOff? = pipeline.shared?.contact.standing { true } else { false }
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("xksProxyFleetSize")
            writer.integer(proxies.nodeCount)
            for name: StaticString in ["xksProxyVendor", "ekmVendor"] { writer.member(name, "Chatelaine") }
            writer.member("xksProxyModel", "Chatelaine \(proxies.version)")
            writer.name("ekmFleetDetails")
            writer.array { writer in
                writer.object { writer in
                    writer.member("id", node ?? "chatelaine")
                    writer.member("model", "Chatelaine \(proxies.version)")
                    writer.member("healthStatus", isCutOff ? "DEGRADED" : "ACTIVE")
                }
            }
        }
        return writer.bytes
    }

    /// Refuses everything while memory is older than it may be.
    func checkMemory() throws(KeyStoreProxyError) {
        guard pipeline.shared?.contact.mayServe ?? true else {
            throw KeyStoreProxyError(StoreError.unavailable("out of reach"))
        }
    }
}

extension KeyStoreProxyService.Answer {
    /// A refusal.
    package init(_ error: KeyStoreProxyError) {
        self.init(status: error.name.httpStatus, body: error.body)
    }
}
