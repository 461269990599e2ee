import Foundation
import Glibc
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
        private struct File: Equatable {
            let device: UInt64
            let number: UInt64
            let size: Int64
            let seconds: Int
            let nanoseconds: Int
            /// When its owner, its rights or its name were changed.
            let changeSeconds: Int
            let changeNanoseconds: Int
        }

        private let files: [File?]

        init(of files: TLSFiles) {
            self.files = [files.certificate, files.key, files.clientRoots].map { path in
                var status = stat()
                guard let path, stat(path, &status) == 0 else { return nil }
                return File(
                    device: UInt64(status.st_dev), number: UInt64(status.st_ino), size: Int64(status.st_size),
                    seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec,
                    changeSeconds: status.st_ctim.tv_sec, changeNanoseconds: status.st_ctim.tv_nsec)
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
        // Without blocking: a pipe in the place of the file would be waited for, for ever.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw TLSFailure("cannot open \(path): \(String(cString: strerror(errno)))") }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw TLSFailure("\(path) is not a file")
        }
        if isSecret { try Self.checkThatOthersCannotRead(path, status) }
        guard (0...Self.largestFile).contains(Int(status.st_size)) else { throw TLSFailure("\(path) is too large") }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress?.advanced(by: count), $0.count - count)
            }
            if more < 0 && errno == EINTR { continue }
            guard more > 0 else { throw TLSFailure("cannot read \(path)") }
            count += more
        }
        return bytes
    }

    /// As PostgreSQL has it for its own: a group may read the file only when root owns it, as where certificates are handed
    /// out by another program.
    private static func checkThatOthersCannotRead(_ path: String, _ status: stat) throws(TLSFailure) {
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw TLSFailure("\(path) belongs to another user")
        }
        let isOfRootForGroup = status.st_uid == 0 && geteuid() != 0
        guard status.st_mode & (isOfRootForGroup ? 0o027 : 0o077) == 0 else {
            throw TLSFailure("others than the server may read \(path); it must have mode 0600")
        }
    }
}
