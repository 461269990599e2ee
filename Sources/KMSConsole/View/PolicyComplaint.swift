import KMSAccess
package import KMSModel

/// Where a key policy is wrong that the API refuses, which its own sentences do not say.
package enum PolicyComplaint {
    /// The place, as a sentence; nil where nothing is wrong with one part alone.
    ///
    /// - Parameter isKnown: Whether there is a user or role of this ARN; nil for what is not known.
    package static func place(
        in text: String, _ partition: Partition, isKnown: (String) -> Bool? = { _ in nil }
    ) -> String? {
        let value: JSONValue
        do throws(JSONFailure) {
            value = try JSONParser.parse(text.utf8, refusingDuplicates: true)
        } catch {
            return sentence(for: error, in: text)
        }
        guard case .object(let document) = value else { return "A policy is an object: it begins with {." }
        var statements: [JSONValue] = []
        switch document["Statement"] {
        case .array(let all)?: statements = all
        case let one?: statements = [one]
        case nil: return "The policy has no member Statement."
        }
        for (index, statement) in statements.enumerated() {
            guard let reason = complaint(of: statement, in: document, partition, isKnown) else { continue }
            return "Statement \(index + 1)\(label(of: statement)) is the one\(reason)."
        }
        return nil
    }

    /// What follows the number of a statement that is wrong; nil for one that is not.
    private static func complaint(
        of statement: JSONValue, in document: JSONObject, _ partition: Partition, _ isKnown: (String) -> Bool?
    ) -> String? {
        let alone = JSONObject(
            document.members.map { member in
                member.name == "Statement" ? JSONObject.Member(name: member.name, value: .array([statement])) : member
            })
        guard case .object(let object) = statement,
            (try? PolicyDocument.parse(PolicyText.print(.object(alone)), in: partition)) != nil
        else { return "" }
        return PolicyReading.principals(of: object).first { isKnown($0) == false }.map { ": there is no \($0)" }
    }

    private static func label(of statement: JSONValue) -> String {
        guard case .object(let object) = statement, let label = object.text("Sid") else { return "" }
        return " (\(label))"
    }

    private static func sentence(for failure: JSONFailure, in text: String) -> String {
        switch failure {
        case .syntax(let offset): "It is no JSON at \(position(of: offset, in: text))."
        case .invalidUnicode(let offset): "It has a character that there is not at \(position(of: offset, in: text))."
        case .tooDeep: "It is nested too deep."
        case .duplicateMember(let name): "An object has two members \(name)."
        }
    }

    /// A place as editors count it: both from 1, columns in characters.
    private static func position(of offset: Int, in text: String) -> String {
        let before = String(decoding: text.utf8.prefix(offset), as: UTF8.self)
        let lines = before.split(separator: "\n", omittingEmptySubsequences: false)
        return "line \(lines.count), column \((lines.last?.count ?? 0) + 1)"
    }
}

extension Visit {
    /// What the API says of a policy that it refuses, and where it is wrong.
    func locating(_ failure: ConsoleFailure, inPolicy text: String) async -> ConsoleFailure {
        let codes: Set = [KMSError.Code.malformedPolicyDocument.rawValue, KMSError.Code.invalidArn.rawValue]
        guard codes.contains(failure.code) else { return failure }
        let known = await KnownIdentities(self)
        guard let place = PolicyComplaint.place(in: text, caller.partition, isKnown: { known.has($0) }) else {
            return failure
        }
        return ConsoleFailure(failure.code, "\(failure.message) \(place)", status: failure.status)
    }
}
