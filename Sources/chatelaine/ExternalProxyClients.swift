import KMSAccess
import KMSEngine
import KMSOutbound
import NIOCore
import NIOFoundationCompat
import Synchronization

/// The way to the proxies of external key stores: a client for each place, so that none waits for another's.
struct ExternalProxyClients: ExternalProxyTransport {
    private let places: [ExternalProxySetting: ExternalProxyPlace]

    /// - Parameters:
    ///   - settings: The places.
    ///   - roots: A PEM file with the certificates that those of the proxies may come from; nil for the system's.
    /// - Throws: ``CommandFailure`` when there are no certificates in the file.
    init(_ settings: [ExternalProxySetting], roots: String?) throws(CommandFailure) {
        var places: [ExternalProxySetting: ExternalProxyPlace] = [:]
        do throws(OutboundFailure) {
            for setting in settings { places[setting] = try ExternalProxyPlace(setting, roots: roots) }
        } catch {
            throw .configuration("\(error)")
        }
        self.places = places
    }

    func post(
        _ request: SignedRequest, to setting: ExternalProxySetting, answerAtMost limit: Int,
        until deadline: ContinuousClock.Instant
    ) async throws(ExternalKeyFailure) -> (status: Int, body: [UInt8]) {
        guard let place = places[setting] else { throw .unknownEndpoint(setting.host) }
        return try await place.post(request, answerAtMost: limit, until: deadline)
    }
}

/// One place where proxies are.
private final class ExternalProxyPlace: Sendable {
    /// How many requests can be on their way at a time: as many as AWS sends a second, each for as long as it waits, and
    /// some more.
    private static let mostRequests = 512
    /// How often a request is sent whose connection ended just then.
    private static let mostAttempts = 3
    private static let usualPort = 443

    private let origin: String
    private let client: OutboundClient
    private let count = Atomic(0)

    init(_ setting: ExternalProxySetting, roots: String?) throws(OutboundFailure) {
        // Longer than a request waits: of many connections that are made at a time, those that come late are there for the next.
        var configuration = OutboundClient.Configuration(roots: roots, connectPatience: .seconds(1))
        configuration.connectionCount = Self.mostRequests
        configuration.isHTTP1Only = true
        if let address = setting.address { configuration.addresses = [setting.host: address.host] }
        configuration.hasThreadOfItsOwn = setting.needsNameServer
        client = try OutboundClient(configuration)
        origin = "https://\(setting.host):\(setting.address?.port ?? Self.usualPort)"
    }

    func post(
        _ request: SignedRequest, answerAtMost limit: Int, until deadline: ContinuousClock.Instant
    ) async throws(ExternalKeyFailure) -> (status: Int, body: [UInt8]) {
        guard count.add(1, ordering: .relaxed).newValue <= Self.mostRequests else {
            count.subtract(1, ordering: .relaxed)
            throw .crowded
        }
        defer { count.subtract(1, ordering: .relaxed) }
        do throws(OutboundFailure) {
            return try await attempt(request, limit, deadline)
        } catch {
            throw ExternalKeyFailure(error)
        }
    }

    private func attempt(
        _ request: SignedRequest, _ limit: Int, _ deadline: ContinuousClock.Instant
    ) async throws(OutboundFailure) -> (status: Int, body: [UInt8]) {
        let headers = request.headers.map { ($0.name, $0.value) }
        for attempt in 1... {
            do throws(OutboundFailure) {
                let answer = try await client.post(
                    request.body, to: origin + request.path, headers: headers, answerAtMost: limit, until: deadline)
                return (answer.status, Array(answer.body.readableBytesView))
            } catch {
                // The other side may have ended a connection just when it was to be used again, and an attempt to connect that
                // began long ago may end only now.
                let isOfBefore = if case .cut = error { true } else { error == .timedOut }
                guard isOfBefore, attempt < Self.mostAttempts, .now < deadline else { throw error }
            }
        }
        throw .timedOut
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
