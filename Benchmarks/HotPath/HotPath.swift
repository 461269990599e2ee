import ArgumentParser
import Foundation
import KMSModel

/// What a call costs from the bytes of its request to those of its answer, without a socket.
@main
struct HotPath: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hot-path",
        abstract: "What a call costs from the bytes of its request to those of its answer, without a socket.")

    @Option(help: "How many calls are measured, after as many that are not.")
    var count = 1000

    @Option(help: "Encrypt, Decrypt or GenerateDataKey.")
    var operation = OperationName.encrypt

    func run() throws {
        let world = try World()
        let key = try world.ask(.createKey, Self.keyBody, for: "KeyMetadata", "KeyId")
        let requests = try requests(to: world, with: key)
        try Self.repeated(requests, world)
        let time = try ContinuousClock().measure { try Self.measured(requests, world) }
        print("\(operation): \(count) calls, \(time / count) each")
        try world.close()
    }

    private static func repeated(_ requests: [[UInt8]], _ world: World) throws {
        for request in requests { _ = try world.send(request) }
    }

    /// The calls that count: who counts instructions looks for this function.
    @inline(never)
    static func measured(_ requests: [[UInt8]], _ world: World) throws {
        try repeated(requests, world)
    }

    private func requests(to world: World, with key: String) throws -> [[UInt8]] {
        var requests: [[UInt8]] = []
        for number in 0..<count {
            let text = Data((0..<32).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) }).base64EncodedString()
            let encrypt = #"{"KeyId":"\#(key)","Plaintext":"\#(text)",\#(World.context)}"#
            switch operation {
            case .encrypt: requests.append(world.request(.encrypt, encrypt))
            case .decrypt:
                let blob = try world.ask(.encrypt, encrypt, for: "CiphertextBlob")
                requests.append(world.request(.decrypt, #"{"CiphertextBlob":"\#(blob)",\#(World.context)}"#))
            case .generateDataKey:
                requests.append(
                    world.request(.generateDataKey, #"{"KeyId":"\#(key)","KeySpec":"AES_256",\#(World.context)}"#))
            default: throw ValidationError("There is no such measurement.")
            }
        }
        return requests
    }

    /// A key whose policy has ten statements, of which the last one decides.
    private static var keyBody: String {
        let others = (1..<10).map { number in
            #"{"Sid":"s\#(number)","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::99998888777\#(number):root"},"#
                + #""Action":["kms:Encrypt","kms:Decrypt"],"Resource":"*"}"#
        }
        let last =
            #"{"Sid":"all","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"}"#
        let policy = #"{"Version":"2012-10-17","Statement":[\#((others + [last]).joined(separator: ","))]}"#
        let escaped = policy.replacing("\"", with: "\\\"")
        return #"{"Policy":"\#(escaped)","BypassPolicyLockoutSafetyCheck":true}"#
    }
}

extension OperationName: ExpressibleByArgument {
    /// Accepts the name as the API has it; nil for any other.
    package init?(argument: String) {
        guard let name = OperationName.named(argument) else { return nil }
        self = name
    }
}
