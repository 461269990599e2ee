import KMSAccess
import KMSEngine
import KMSOutbound
import NIOCore
import NIOFoundationCompat

/// The way to the proxies of external key stores: a client for each place, so that none waits for another's.
struct ExternalProxyClients: ExternalProxyTransport {
    /// How many requests can be on their way to one place at a time before one waits for another's connection.
    private static let connectionCount = 64
    private static let usualPort = 443

    private let clients: [ExternalProxySetting: OutboundClient]

    /// - Parameters:
    ///   - settings: The places.
    ///   - roots: A PEM file with the certificates that those of the proxies may come from; nil for the system's.
    /// - Throws: ``CommandFailure`` when there are no certificates in the file.
    init(_ settings: [ExternalProxySetting], roots: String?) throws(CommandFailure) {
        var clients: [ExternalProxySetting: OutboundClient] = [:]
        for setting in settings {
            // Whoever waits has 250 ms for everything.
            var configuration = OutboundClient.Configuration(roots: roots, connectPatience: .seconds(1))
            configuration.connectionCount = Self.connectionCount
            configuration.isHTTP1Only = true
            if let address = setting.address { configuration.addresses = [setting.host: address.host] }
            do throws(OutboundFailure) {
                clients[setting] = try OutboundClient(configuration)
            } catch {
                throw .configuration("\(error)")
            }
        }
        self.clients = clients
    }

    func post(
        _ request: SignedRequest, to setting: ExternalProxySetting, answerAtMost limit: Int,
        until deadline: ContinuousClock.Instant
    ) async throws(ExternalKeyFailure) -> (status: Int, body: [UInt8]) {
        guard let client = clients[setting] else { throw .unknownEndpoint(setting.host) }
        let url = "https://\(setting.host):\(setting.address?.port ?? Self.usualPort)\(request.path)"
        let headers = request.headers.map { ($0.name, $0.value) }
        do throws(OutboundFailure) {
            return try await post(request.body, url, headers, limit, deadline, by: client)
        } catch {
            throw ExternalKeyFailure(error)
        }
    }

    private func post(
        _ body: [UInt8], _ url: String, _ headers: [(String, String)], _ limit: Int,
        _ deadline: ContinuousClock.Instant, by client: OutboundClient
    ) async throws(OutboundFailure) -> (status: Int, body: [UInt8]) {
        do throws(OutboundFailure) {
            let answer = try await client.post(body, to: url, headers: headers, answerAtMost: limit, until: deadline)
            return (answer.status, Array(answer.body.readableBytesView))
        } catch .cut {
            // The other side may have ended a connection just when it was to be used again.
            let answer = try await client.post(body, to: url, headers: headers, answerAtMost: limit, until: deadline)
            return (answer.status, Array(answer.body.readableBytesView))
        }
    }
}

extension ExternalKeyFailure {
    fileprivate init(_ failure: OutboundFailure) {
        self =
            switch failure {
            case .timedOut: .timedOut
            case .insecure: .insecure("\(failure)")
            case .tooLong: .invalidAnswer("\(failure)")
            case .noRoots, .cut, .unreachable: .unreachable("\(failure)")
            }
    }
}

extension Settings {
    /// The places where proxies of external key stores can be.
    ///
    /// - Throws: ``CommandFailure``.
    func externalProxies(_ options: ServerOptions) throws -> [ExternalProxySetting] {
        let settings = try (value("xks-endpoints", flag: options.xksEndpoints) ?? "").split(separator: ",").map {
            text in
            guard let setting = ExternalProxySetting(String(text)) else {
                throw CommandFailure.configuration(
                    "\"\(text)\" is not a place of external key stores: "
                        + "https://HOST/ACCOUNT/REGION, with =ADDRESS:PORT behind it if that is elsewhere, and with "
                        + "@SERVICE for a VPC endpoint service")
            }
            return setting
        }
        guard Set(settings.map { "\($0.host) \($0.service ?? "") \($0.realm)" }).count == settings.count else {
            throw CommandFailure.configuration("xks-endpoints names a place twice for an account and region")
        }
        return settings
    }

    /// The way to them; nil where there are none.
    ///
    /// - Throws: ``CommandFailure``.
    func externalProxyTransport(
        _ options: ServerOptions, to settings: [ExternalProxySetting]
    ) throws -> (any ExternalProxyTransport)? {
        let roots = value("xks-ca-bundle", flag: options.xksCaBundle)
        guard !settings.isEmpty else { return nil }
        return try ExternalProxyClients(settings, roots: roots)
    }
}
