import ArgumentParser
import Foundation
import KMSBoringSSL
import KMSLibcrypto
import KMSModel
import Synchronization

/// How often a second all processors together do what signs and authenticates, with nothing around it.
struct PrimitivesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "primitives",
        abstract: "Say as JSON how often a second all processors together sign and authenticate.")

    @Option(help: "How long each is done.")
    var milliseconds = 300

    @Option(help: "The key spec of one that is done alone; all of them otherwise.")
    var only: String?

    func run() throws {
        let primitives = try Primitive.all()
        guard only == nil || primitives.contains(where: { $0.name == only }) else {
            throw ValidationError("There is none of this key spec.")
        }
        var figures: [String: Double] = [:]
        for primitive in primitives where only == nil || primitive.name == only {
            figures[primitive.name] = perSecond(primitive)
        }
        try HotPath.say(figures)
    }

    private func perSecond(_ primitive: Primitive) -> Double {
        let total = Atomic(0)
        let clock = ContinuousClock()
        let begin = clock.now
        let end = begin + .milliseconds(milliseconds)
        DispatchQueue.concurrentPerform(iterations: ProcessInfo.processInfo.activeProcessorCount) { _ in
            var count = 0
            while clock.now < end, (try? primitive.once()) != nil { count += 1 }
            total.add(count, ordering: .relaxed)
        }
        return Double(total.load(ordering: .relaxed)) / ((clock.now - begin) / .seconds(1))
    }
}

/// What an operation cannot be faster than.
struct Primitive: Sendable {
    /// By the key spec that it is of.
    let name: String
    let once: @Sendable () throws -> Void

    static func all() throws -> [Primitive] {
        var number = [UInt8](repeating: 0, count: P256Signature.privateKeyByteCount)
        try number.withUnsafeMutableBytes { try PrivateKey(generating: .curve(.p256)).writeNumber(to: $0) }
        let curveKey = number
        let rsa = try PrivateKey(generating: .rsa(bits: 2048))
        let digest = [UInt8](repeating: 7, count: 32)
        return [
            Primitive(name: "ECC_NIST_P256") {
                _ = try curveKey.withUnsafeBytes { try P256Signature.make(of: digest, privateKey: $0) }
            },
            Primitive(name: "RSA_2048") { _ = try rsa.rsaSignature(of: digest, hash: .sha256, padding: .pkcs1) },
            Primitive(name: "HMAC_256") {
                _ = digest.withUnsafeBytes { bytes in
                    [UInt8](count: KeyedHash.byteCount) { KeyedHash.authenticate(bytes, key: bytes, to: $0) }
                }
            },
        ]
    }
}
