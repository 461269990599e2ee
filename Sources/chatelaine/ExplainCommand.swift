import ArgumentParser
import Foundation
import KMSModel

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say whether a principal may do something, and which statement decides.",
        discussion: """
            Asks a running server; nothing is done. The access key must be a root user's, or a user's who is allowed \
            chatelaine:ExplainAccess. The request is a JSON object with Principal (the ARN of a user, role, role session or \
            root user of your account), Action (such as kms:Decrypt), KeyId or AliasName, and if they matter \
            EncryptionContext, SessionPolicy, SourceIp, UserAgent, and Request: further members, as the API has them. The \
            options do the same for what is asked most.
            """
    )

    @Option(help: "The request as JSON, or a file with it, or - for standard input.")
    var request: String?

    @Option(help: "Who would do it: an ARN.")
    var principal: String?

    @Option(help: "What they would do, such as kms:Decrypt.")
    var action: String?

    @Option(help: "The key: an identifier, an ARN or an alias.")
    var key: String?

    @Option(help: "A pair of the encryption context, NAME=VALUE; may be given several times.")
    var context: [String] = []

    @Flag(help: "Print the server's answer as JSON.")
    var json = false

    @OptionGroup var server: AdministrationOptions

    mutating func run() async throws {
        let question = try question()
        let client = try server.client()
        let answer: JSONObject
        do {
            answer = try await client.send("ExplainAccess", question)
        } catch AdministrationClient.Failure.interrupted {
            throw CommandFailure.operation("the connection to \(client.endpoint) ended without an answer")
        } catch AdministrationClient.Failure.unknownOperation {
            throw CommandFailure.operation("\(client.endpoint) cannot explain decisions")
        }
        guard !json else {
            var writer = JSONWriter()
            writer.value(.object(answer))
            return try say(String(decoding: writer.bytes, as: UTF8.self))
        }
        try say(ExplanationText(answer).lines.joined(separator: "\n"))
    }

    private func question() throws -> JSONObject {
        var question = try request.map(Self.object) ?? JSONObject()
        if let principal { question.append("Principal", .string(principal)) }
        if let action { question.append("Action", .string(action)) }
        if let key { question.append("KeyId", .string(key)) }
        guard !context.isEmpty else { return question }
        var pairs = JSONObject()
        for pair in context {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw CommandFailure.configuration("\"\(pair)\" is not a pair of the form NAME=VALUE")
            }
            pairs.append(String(parts[0]), .string(String(parts[1])))
        }
        question.append("EncryptionContext", .object(pairs))
        return question
    }

    private static func object(_ request: String) throws -> JSONObject {
        let bytes: Data
        if request.drop(while: \.isWhitespace).first == "{" {
            bytes = Data(request.utf8)
        } else if request == "-" {
            bytes = FileHandle.standardInput.readDataToEndOfFile()
        } else if let contents = FileManager.default.contents(atPath: request) {
            bytes = contents
        } else {
            throw CommandFailure.configuration("cannot read the request \(request)")
        }
        guard case .object(let object)? = try? JSONParser.parse(bytes) else {
            throw CommandFailure.configuration("the request is not an object of JSON")
        }
        return object
    }
}

/// An explanation for people to read: what a server answered, and nothing else.
struct ExplanationText {
    /// How wide a line gets, unless one word is wider; names and identifiers stay whole.
    private static let width = 100

    private(set) var lines: [String] = []

    init(_ answer: JSONObject) {
        lines.append(Self.text(answer["Reason"]))
        for decider in Self.objects(answer["DecidedBy"]) {
            lines.append("Decided by \(Self.place(decider)).")
        }
        lines.append("")
        for (index, step) in Self.list(answer["Steps"]).enumerated() {
            lines.append("\(index + 1). \(Self.text(step))")
        }
        for document in Self.objects(answer["Documents"]) {
            lines += ["", "\(Self.text(document["Role"])): \(Self.text(document["Document"]))"]
            if document["Withheld"] != nil { lines.append("  not shown: \(Self.text(document["Withheld"]))") }
            for statement in Self.objects(document["Statements"]) {
                let label = statement["Sid"].map { " (\(Self.text($0)))" } ?? ""
                lines.append(
                    "  \(Self.mark(statement)) \(Self.text(statement["Statement"]))\(label) "
                        + "\(Self.text(statement["Effect"])): \(Self.text(statement["Why"]))")
            }
        }
        let grants = Self.objects(answer["Grants"])
        if !grants.isEmpty { lines += ["", "grants to the principal"] }
        for grant in grants {
            lines.append("  \(Self.mark(grant)) \(Self.text(grant["GrantId"])): \(Self.text(grant["Why"]))")
        }
        lines = lines.flatMap(Self.wrapped)
    }

    /// The line in pieces of the width; all but the first are set in by four more.
    private static func wrapped(_ line: String) -> [String] {
        let indentation = String(line.prefix { $0 == " " })
        var pieces: [String] = []
        var piece = indentation
        var isEmpty = true
        for word in line.dropFirst(indentation.count).split(separator: " ", omittingEmptySubsequences: false) {
            if !isEmpty, piece.count + 1 + word.count > width {
                pieces.append(piece)
                (piece, isEmpty) = (indentation + "    ", true)
            }
            piece += isEmpty ? String(word) : " \(word)"
            isEmpty = false
        }
        return pieces + [piece]
    }

    private static func mark(_ object: JSONObject) -> String { object["Applies"] == .bool(true) ? "*" : "-" }

    private static func place(_ decider: JSONObject) -> String {
        guard decider["Statement"] != nil else { return text(decider["Document"]) }
        let label = decider["Sid"].map { " (\(text($0)))" } ?? ""
        return "statement \(text(decider["Statement"]))\(label) of \(text(decider["Document"]))"
    }

    private static func list(_ value: JSONValue?) -> [JSONValue] {
        guard case .array(let values)? = value else { return [] }
        return values
    }

    private static func objects(_ value: JSONValue?) -> [JSONObject] {
        list(value).compactMap { if case .object(let object) = $0 { object } else { nil } }
    }

    private static func text(_ value: JSONValue?) -> String {
        switch value {
        case .string(let text)?, .number(let text)?: text
        default: ""
        }
    }
}
