import Foundation
import NIOCore
import NIOSSL

/// Why TLS cannot be spoken with these files; the text is for the operator.
package struct TLSFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// The files that TLS is spoken with, in PEM.
package struct TLSFiles: Sendable, Equatable {
    /// Whether clients must show a certificate.
    package enum ClientCertificates: String, Sendable, CaseIterable {
        /// Who shows none is served too; one that is shown has to be good.
        case optional
        /// Who shows none is not served.
        case required
    }

    /// The server's certificate, and behind it those that lead to a root.
    package let certificate: String
    /// Its private key; the file is for the server alone.
    package let key: String
    /// The roots of the certificates that clients show; nil when they are not asked for one.
    package let clientRoots: String?
    /// Whether they must; of no meaning without roots.
    package let clientCertificates: ClientCertificates

    /// More than any chain, key or list of roots.
    private static let largestFile = 1 << 20

    package init(
        certificate: String, key: String, clientRoots: String? = nil, clientCertificates: ClientCertificates = .required
    ) {
        self.certificate = certificate
        self.key = key
        self.clientRoots = clientRoots
        self.clientCertificates = clientCertificates
    }

    /// What tells whether a file was replaced, or what was wrong with it was mended.
    struct Version: Equatable, Sendable {
        private let files: [OperatorFile.Version?]

        init(of files: TLSFiles) {
            self.files = [files.certificate, files.key, files.clientRoots].map { path in
                path.flatMap { OperatorFile($0).version }
            }
        }
    }

    /// What connections are made with, when the last of the certificates begins to be valid, and when the first ends.
    struct Loaded: Sendable {
        let context: NIOSSLContext
        let start: Date
        let end: Date
    }

    /// Reads the files, which takes milliseconds and waits for the disk.
    func load() throws(TLSFailure) -> Loaded {
        let chain = try certificates(in: certificate)
        var privateKey = try read(key, isSecret: true)
        defer { for index in privateKey.indices { privateKey[index] = 0 } }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(try Self.key(privateKey, key)))
        configuration.minimumTLSVersion = .tlsv12
        // Before TLS 1.3: ephemeral keys and authenticated encryption only.
        configuration.cipherSuites = "ECDHE+AESGCM:ECDHE+CHACHA20"
        configuration.curves = [.x25519_MLKEM768, .x25519, .secp256r1, .secp384r1]
        // What a client still has to say once this side has said goodbye is of no interest.
        configuration.shutdownTimeout = .seconds(1)
        configuration.applicationProtocols = ["h2", "http/1.1"]
        if let clientRoots {
            configuration.trustRoots = .certificates(try certificates(in: clientRoots))
            configuration.certificateVerification =
                clientCertificates == .required ? .noHostnameVerification : .optionalVerification
        }
        let start = chain.map { Date(timeIntervalSince1970: TimeInterval($0.notValidBefore)) }.max() ?? .distantFuture
        let end = chain.map { Date(timeIntervalSince1970: TimeInterval($0.notValidAfter)) }.min() ?? .distantPast
        do {
            return Loaded(context: try NIOSSLContext(configuration: configuration), start: start, end: end)
        } catch {
            throw TLSFailure("the key in \(key) is not that of the first certificate in \(certificate)")
        }
    }

    private func certificates(in path: String) throws(TLSFailure) -> [NIOSSLCertificate] {
        let bytes = try read(path, isSecret: false)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw TLSFailure("\(path) does not hold certificates in PEM")
        }
        return certificates
    }

    private static func key(_ bytes: [UInt8], _ path: String) throws(TLSFailure) -> NIOSSLPrivateKey {
        if let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) { return key }
        let isEncrypted = Data(bytes).range(of: Data("ENCRYPTED".utf8)) != nil
        throw TLSFailure(
            isEncrypted
                ? "the key in \(path) is encrypted; give it without a passphrase, in a file for the server alone"
                : "\(path) does not hold a private key in PEM")
    }

    private func read(_ path: String, isSecret: Bool) throws(TLSFailure) -> [UInt8] {
        do throws(OperatorFile.Failure) {
            return try OperatorFile(path).read(isSecret: isSecret, atMost: Self.largestFile)
        } catch {
            throw TLSFailure(error.description)
        }
    }
}
