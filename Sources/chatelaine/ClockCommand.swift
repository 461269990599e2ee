import ArgumentParser
import Foundation
import KMSModel

struct ClockCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clock", abstract: "Move the clock of a development server.", subcommands: [Advance.self]
    )

    struct Advance: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Move the clock forward; what is due by then has happened when this returns.",
            discussion: "The server must have been started with `chatelaine dev --clock controllable`."
        )

        @Argument(help: "How far: a number with s, m, h, d or w, such as 30d.")
        var duration: String

        @OptionGroup var server: AdministrationOptions

        mutating func run() async throws {
            let seconds = try Self.seconds(in: duration)
            let now = try await Self.advance(by: seconds, through: try server.client())
            try say("It is now \(now)")
        }

        static func seconds(in text: String) throws -> Int {
            let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
            guard let unit = text.last.flatMap({ units[$0] }), let count = Int(text.dropLast()), count >= 0,
                count <= Int.max / 604_800
            else { throw CommandFailure.configuration("\"\(text)\" is not a duration such as 30d, 12h or 90s") }
            return count * unit
        }

        private static func advance(by seconds: Int, through client: AdministrationClient) async throws -> String {
            let answer: JSONObject
            do {
                answer = try await client.send("AdvanceClock", JSONObject(["Seconds": .number("\(seconds)")]))
            } catch AdministrationClient.Failure.interrupted {
                throw CommandFailure.operation(
                    "the connection to \(client.endpoint) ended without an answer; the clock may have moved")
            } catch AdministrationClient.Failure.unknownOperation {
                throw CommandFailure.operation(
                    "the clock of \(client.endpoint) cannot be moved: start it with --clock controllable")
            }
            guard case .number(let digits)? = answer["Now"], let seconds = TimeInterval(digits) else {
                throw CommandFailure.operation("\(client.endpoint) is not a Chatelaine server")
            }
            return ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: seconds))
        }
    }
}
