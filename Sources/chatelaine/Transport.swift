import ArgumentParser
import KMSAccess
import KMSEngine
import KMSServer
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The options that say how a serving command is reached, and by whom it is watched.
struct TransportOptions: ParsableArguments {
    @Option(help: "A PEM file with the server's certificate and those behind it: TLS is spoken.")
    var tlsCertificate: String?

    @Option(help: "A PEM file with the certificate's private key, for the server alone.")
    var tlsKey: String?

    @Option(help: "A PEM file with the roots of certificates that clients show.")
    var tlsClientCa: String?

    @Option(help: "\"required\" for who shows a certificate of --tls-client-ca only (default), or \"optional\".")
    var tlsClientCertificates: String?

    @Flag(help: "Serve other machines without TLS, for a proxy that speaks it.")
    var withoutTls = false

    @Option(help: "Addresses and networks of proxies whose X-Forwarded-For and X-Forwarded-Proto count, by commas.")
    var trustedProxies: String?

    @Option(help: "Address and port for health and metrics, by plain HTTP (default: none).")
    var monitorListen: String?
}

/// How a server is reached, and by whom it is watched.
struct Transport {
    var address: ListenAddress
    let certificates: Certificates?
    let proxies: TrustedProxies
    let monitor: ListenAddress?
    /// Which keys are offered to another KMS; nil where none are.
    let keyStoreProxies: KeyStoreProxyFile?

    /// Who may be served without TLS.
    enum Reach {
        /// This machine only, whatever TLS there is.
        case loopback(because: String)
        /// Others too, by TLS or when the operator has said so.
        case anywhere
    }

    /// Where the server is, once it has a port.
    func url(port: Int) -> String { address.url(port: port, isSecure: certificates != nil) }

    /// Why it does not serve, with the listener that failed.
    func failure(_ error: any Error) -> CommandFailure {
        if case .nameTaken(let node)? = error as? NodeMembership.Failure {
            return .operation("another process runs as node \(node)")
        }
        return error as? CommandFailure ?? .operation("cannot serve on \(address.host):\(address.port): \(error)")
    }

    /// Finds out whether both addresses can be had, before anything is made or said.
    ///
    /// A listener that fails while the others begin would leave them half begun.
    ///
    /// - Throws: ``CommandFailure``, with the one that cannot.
    func tryAddresses() async throws(CommandFailure) {
        do { try await address.tryOut() } catch { throw failure(error) }
        guard let monitor else { return }
        do {
            try await monitor.tryOut()
        } catch {
            throw MonitorListener.failure(at: monitor, error)
        }
    }

    /// The listener for requests.
    var configuration: HTTPServer.Configuration {
        HTTPServer.Configuration(
            host: address.host, port: address.port, descriptors: ResourceLimit.descriptors.raise(),
            certificates: certificates,
            proxies: proxies)
    }

    /// What runs beside the listener for requests, and ends after it.
    func companions(watching monitoring: Monitoring, logger: Logger) -> Companions {
        let (watched, isWatched) = AsyncStream<Never>.makeStream()
        let server = monitor.map { address in
            MonitorListener(
                address: address,
                server: MonitorServer(
                    monitoring, version: Chatelaine.version, host: address.host, port: address.port, logger: logger
                ) { port in
                    logger.notice(
                        "Health and metrics are shown",
                        metadata: ["url": "\(address.url(port: port, isSecure: false))"])
                    isWatched.finish()
                })
        }
        if server == nil { isWatched.finish() }
        let services: [(any Service)?] = [
            server, certificates, certificates.map { ReloadOnHangUp(reload: $0.reload) }, keyStoreProxies,
            keyStoreProxies.map { ReloadOnHangUp(reload: $0.reload) },
        ]
        return Companions(services: services.compactMap(\.self), watched: watched)
    }
}

/// What runs beside the listener for requests.
struct Companions {
    let services: [any Service]
    /// Ends when the listener for those who watch answers, and at once when there is none.
    fileprivate let watched: AsyncStream<Never>

    /// Waits until those who watch are answered; answers whether that is so, or the server ends.
    func areReady() async -> Bool {
        for await _ in watched.cancelOnGracefulShutdown() {}
        return !Task.isCancelled && !Task.isShuttingDownGracefully
    }
}

extension ListenAddress {
    /// Listens for a moment.
    fileprivate func tryOut() async throws {
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        try await bootstrap.bind(host: host, port: port).get().close().get()
    }
}

/// The listener for those who watch, which says of its failure that it is its own.
private struct MonitorListener: Service {
    let address: ListenAddress
    let server: MonitorServer

    func run() async throws {
        do {
            try await server.run()
        } catch {
            throw Self.failure(at: address, error)
        }
    }

    static func failure(at address: ListenAddress, _ error: any Error) -> CommandFailure {
        .operation("cannot watch on \(address.host):\(address.port): \(error)")
    }
}

extension Settings {
    /// What the options of a serving command say about its listeners.
    ///
    /// - Throws: ``CommandFailure``; nothing is listened on yet.
    func transport(
        _ listen: String?, _ options: TransportOptions, reach: Transport.Reach,
        offering keyStoreProxies: KeyStoreProxyFile?, metrics: Metrics, logger: Logger
    ) throws -> Transport {
        let address = try ListenAddress(value("listen", flag: listen) ?? ListenAddress.standard)
        let files = try tlsFiles(options)
        let isWithoutTLS = try isSet("without-tls", flag: options.withoutTls)
        if files != nil, isWithoutTLS {
            throw CommandFailure.configuration("--without-tls and --tls-certificate contradict each other")
        }
        if !address.isLoopback {
            switch reach {
            case .loopback(let reason):
                throw CommandFailure.configuration("\(address.host) is not a loopback address: \(reason)")
            case .anywhere where files == nil && !isWithoutTLS:
                throw CommandFailure.configuration(
                    "\(address.host) is not a loopback address, and requests carry plaintext: give --tls-certificate "
                        + "and --tls-key, or --without-tls behind a proxy that speaks TLS")
            case .anywhere: break
            }
        }
        let proxies = try proxies(flag: options.trustedProxies)
        let monitor = try value("monitor-listen", flag: options.monitorListen).map { try ListenAddress($0) }
        let certificates = try files.map { files in
            do throws(TLSFailure) {
                return try Certificates(files, metrics: metrics, logger: logger)
            } catch {
                throw CommandFailure.configuration("TLS: \(error)")
            }
        }
        return Transport(
            address: address, certificates: certificates, proxies: proxies, monitor: monitor,
            keyStoreProxies: keyStoreProxies)
    }

    private func tlsFiles(_ options: TransportOptions) throws -> TLSFiles? {
        let certificate = value("tls-certificate", flag: options.tlsCertificate)
        let key = value("tls-key", flag: options.tlsKey)
        let roots = value("tls-client-ca", flag: options.tlsClientCa)
        let clients = value("tls-client-certificates", flag: options.tlsClientCertificates)
        guard (clients == nil || roots != nil) else {
            throw CommandFailure.configuration("--tls-client-certificates needs --tls-client-ca")
        }
        guard let certificate, let key else {
            guard certificate == nil, key == nil, roots == nil else {
                throw CommandFailure.configuration("TLS needs both --tls-certificate and --tls-key")
            }
            return nil
        }
        guard let requirement = TLSFiles.ClientCertificates(rawValue: clients ?? "required") else {
            throw CommandFailure.configuration("--tls-client-certificates is \"required\" or \"optional\"")
        }
        return TLSFiles(certificate: certificate, key: key, clientRoots: roots, clientCertificates: requirement)
    }

    private func proxies(flag: String?) throws -> TrustedProxies {
        guard let text = value("trusted-proxies", flag: flag) else { return .none }
        return TrustedProxies(
            try text.split(separator: ",").map { entry in
                guard let range = AddressRange(String(entry)) else {
                    throw CommandFailure.configuration(
                        "\"\(entry)\" is not an address or a network, such as 10.0.0.0/8")
                }
                return range
            })
    }

    /// Whether an option without a value is set.
    private func isSet(_ name: String, flag: Bool) throws -> Bool {
        switch value(name, flag: flag ? "true" : nil) {
        case "true": return true
        case nil, "false": return false
        case let other?: throw CommandFailure.configuration("\(name) is true or false, and not \"\(other)\"")
        }
    }
}
