import ArgumentParser
import Foundation
import KMSModel

/// One operation again and again, for who counts instructions or looks at a profile.
struct CallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call", abstract: "Call one operation again and again, and say what a call takes.")

    @Option(help: "How many calls are measured, after as many that are not.")
    var count = 1000

    @Option(help: "Encrypt, Decrypt or GenerateDataKey.")
    var operation = OperationName.encrypt

    func run() throws {
        let world = try World()
        let key = try world.makeKey(policy: BenchmarkPolicy.text(statements: 10))
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
            let encrypt = World.encryptBody(key: key, number: number)
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
}

extension OperationName: ExpressibleByArgument {
    /// Accepts the name as the API has it; nil for any other.
    package init?(argument: String) {
        guard let name = OperationName.named(argument) else { return nil }
        self = name
    }
}
