package import KMSAccess

/// Brings requests to the proxies of external key stores, over HTTPS.
package protocol ExternalProxyTransport: Sendable {
    /// POSTs a request, whose path is that of the proxy and whose `host` header is that of `setting`, and waits for the whole
    /// answer.
    ///
    /// - Parameters:
    ///   - setting: Where to connect, and whose certificate the other side has to have.
    ///   - limit: The most bytes that an answer may have.
    /// - Throws: ``ExternalKeyFailure``: ``ExternalKeyFailure/timedOut``, ``ExternalKeyFailure/unreachable(_:)``,
    ///   ``ExternalKeyFailure/insecure(_:)``, ``ExternalKeyFailure/invalidAnswer(_:)``.
    func post(
        _ request: SignedRequest, to setting: ExternalProxySetting, answerAtMost limit: Int,
        until deadline: ContinuousClock.Instant
    ) async throws(ExternalKeyFailure) -> (status: Int, body: [UInt8])
}
