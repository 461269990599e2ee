import KMSModel

/// What a command asks of the server that runs over a data directory.
///
/// A request is one line, a JSON object: `{"command": "rotate-root", …}`. It is answered by lines too: any number of
/// `{"progress": {…}}`, and in the end `{"result": {…}}` or `{"error": "a sentence"}`.
struct ControlRequest: Sendable {
    /// The longest line that is read from either side, in bytes.
    static let longestLine = 64 * 1024

    let command: String
    let members: JSONObject

    init(_ command: String, _ members: JSONObject = JSONObject()) {
        self.command = command
        self.members = members
    }

    /// Nil for a line that is no request.
    init?(line: [UInt8]) {
        guard case .object(let object)? = try? JSONParser.parse(line, refusingDuplicates: true),
            let command = object.text("command")
        else { return nil }
        self.init(command, JSONObject(object.members.filter { $0.name != "command" }))
    }

    /// The request as it is sent, with its line feed.
    var line: [UInt8] {
        let members = [JSONObject.Member(name: "command", value: .string(command))] + self.members.members
        return JSONObject(members).line
    }
}

/// What a server does for those who may open its data directory.
struct ControlCommand: Sendable {
    /// Tells the one who asked how far it is, without waiting for them: what comes too often, or is not read, is left out.
    typealias Progress = @Sendable (JSONObject) -> Void

    let name: String
    /// Does it.
    ///
    /// - Throws: ``CommandFailure``, whose sentence is answered; the sentence of any other error goes to the log only.
    let perform: @Sendable (_ members: JSONObject, _ progress: @escaping Progress) async throws -> JSONObject
    /// What is done once the one who asked has the answer and has gone.
    let afterwards: (@Sendable (_ answer: JSONObject) -> Void)?

    init(
        name: String,
        perform: @escaping @Sendable (_ members: JSONObject, _ progress: @escaping Progress) async throws -> JSONObject,
        afterwards: (@Sendable (_ answer: JSONObject) -> Void)? = nil
    ) {
        self.name = name
        self.perform = perform
        self.afterwards = afterwards
    }
}

extension JSONObject {
    /// The object as a line of text.
    var line: [UInt8] {
        var writer = JSONWriter()
        writer.value(.object(self))
        return writer.bytes + [0x0A]
    }
}
