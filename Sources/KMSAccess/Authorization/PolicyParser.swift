package import KMSModel

extension PolicyDocument {
    /// Reads a key policy.
    ///
    /// Principals are checked for their form only; ``checkPrincipals(in:)`` asks whether they exist.
    ///
    /// - Parameters:
    ///   - partition: The partition of the key's region; ARNs of others cannot be principals.
    ///   - byteCount: The longest policy.
    /// - Throws: ``PolicyFailure``, never `lockout`.
    package static func parse(
        _ text: String, in partition: Partition, atMost byteCount: Int = maximumByteCount
    ) throws(PolicyFailure) -> Self {
        try parse(text, as: .key(partition), atMost: byteCount)
    }

    /// Reads a policy of some kind.
    ///
    /// - Throws: ``PolicyFailure``, never `lockout`.
    package static func parse(
        _ text: String, as kind: Kind, atMost byteCount: Int = maximumByteCount
    ) throws(PolicyFailure) -> Self {
        // IAM has limits of its own for what is not white space; whoever stores its policies holds them against these.
        guard text.utf8.count <= byteCount || kind.isOfIAM else { throw .tooLarge(most: byteCount) }
        let document = try parse(text, as: kind, isStored: false)
        guard !kind.isOfIAM || !document.statements.contains(where: \.hasEmptyCondition) else { throw .syntax }
        return document
    }

    /// Reads a policy that was accepted before and stored in a form of this program's own, which may be longer.
    ///
    /// - Throws: ``PolicyFailure``, never `lockout` or `tooLarge`.
    package static func parse(stored text: String, as kind: Kind) throws(PolicyFailure) -> Self {
        try parse(text, as: kind, isStored: true)
    }

    private static func parse(_ text: String, as kind: Kind, isStored: Bool) throws(PolicyFailure) -> Self {
        guard text.unicodeScalars.allSatisfy(isAllowed) else { throw kind.isOfIAM ? .invalidCharacter : .syntax }
        let value: JSONValue
        do {
            value = try JSONParser.parse(text.utf8, refusingDuplicates: true)
        } catch {
            throw .syntax
        }
        return try PolicyParser(kind: kind, isStored: isStored).document(value)
    }

    /// Reads an identity policy that is written now.
    ///
    /// - Throws: ``PolicyFailure``, also ``PolicyFailure/resourceWithoutARN``: such a resource would match nothing.
    package static func parse(identityPolicy text: String) throws(PolicyFailure) -> Self {
        let document = try parse(text, as: .identity)
        let resources = document.statements.flatMap { $0.resources?.elements ?? [] }
        guard resources.allSatisfy({ $0.isSame(as: "*") || $0.hasBytePrefix("arn:") }) else {
            throw .resourceWithoutARN
        }
        return document
    }

    /// The characters that a policy may be written with (API model, pattern of `PolicyType`).
    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x20...0xFF: true
        default: false
        }
    }
}

/// Holds JSON against the grammar.
///
/// Every element that it does not know is refused.
private struct PolicyParser {
    let kind: PolicyDocument.Kind
    /// Whether the document was accepted before, perhaps by an older version.
    let isStored: Bool

    func document(_ value: JSONValue) throws(PolicyFailure) -> PolicyDocument {
        var version = PolicyDocument.Version.original
        var id: String?
        var statements: [PolicyStatement] = []
        for member in try elements(value) {
            switch member.name {
            case "Version":
                guard let known = PolicyDocument.Version(spelled: try string(member.value)) else {
                    throw kind.isOfIAM ? .wrongVersion : .syntax
                }
                version = known
            case "Id": id = try string(member.value)
            case "Statement":
                for element in list(member.value) { statements.append(try statement(element)) }
            default: throw .syntax
            }
        }
        guard !statements.isEmpty else { throw .syntax }
        if kind.isOfIAM { try checkLabels(of: statements) }
        return PolicyDocument(kind: kind, version: version, id: id, statements: statements, source: value)
    }

    private func statement(_ value: JSONValue) throws(PolicyFailure) -> PolicyStatement {
        var sid: String?
        var effect: PolicyStatement.Effect?
        var principals: PolicySelection<PolicyPrincipal>?
        var actions: PolicySelection<String>?
        var resources: PolicySelection<String>?
        var conditions: [PolicyCondition] = []
        for member in try elements(value) {
            let isComplement = member.name.hasPrefix("Not")
            switch member.name {
            case "Sid": sid = try string(member.value)
            case "Effect": effect = .init(spelled: try string(member.value))
            case "Principal", "NotPrincipal":
                try set(&principals, to: try self.principals(member.value), isComplement)
            case "Action", "NotAction": try set(&actions, to: try self.actions(member.value), isComplement)
            case "Resource", "NotResource": try set(&resources, to: try strings(member.value), isComplement)
            case "Condition": conditions = try self.conditions(member.value)
            default: throw .syntax
            }
        }
        guard let effect else { throw .syntax }
        try check(principals, actions, resources, effect)
        // The resource of a trust policy is the role that it is of.
        if case .trust = kind { resources = PolicySelection(elements: ["*"], isComplement: false) }
        return PolicyStatement(
            sid: sid, effect: effect, principals: principals, actions: actions, resources: resources,
            conditions: conditions
        )
    }

    /// Holds a statement's elements against what its kind of policy needs and forbids.
    private func check(
        _ principals: PolicySelection<PolicyPrincipal>?, _ actions: PolicySelection<String>?,
        _ resources: PolicySelection<String>?, _ effect: PolicyStatement.Effect
    ) throws(PolicyFailure) {
        switch kind {
        case .key:
            guard let principals else { throw .missingPrincipal }
            // "Everybody but these" may only be refused: allowed, it would let in whoever is created tomorrow.
            guard effect == .deny || !principals.isComplement else { throw .syntax }
        case .identity:
            guard principals == nil else { throw .syntax }
            guard let actions, !actions.elements.isEmpty else { throw .missingActions }
            guard let resources, !resources.elements.isEmpty else { throw .missingResources }
        case .trust:
            guard let principals else { throw .missingPrincipal }
            guard resources == nil else { throw .prohibitedResource }
            guard effect == .deny || !principals.isComplement else { throw .syntax }
            guard let actions, !actions.elements.isEmpty else { throw .missingActions }
            guard actions.elements.allSatisfy({ $0.hasBytePrefix(ignoringCase: "sts:") }) else {
                throw .actionOutsideSTS
            }
        }
    }

    /// Source: IAM User Guide, "IAM JSON policy elements: Sid".
    private func checkLabels(of statements: [PolicyStatement]) throws(PolicyFailure) {
        let labels = statements.compactMap(\.sid).filter { !$0.isEmpty }
        let isLabel = { (byte: UInt8) in byte.isASCIILabel && byte != UInt8(ascii: "-") }
        guard labels.allSatisfy({ $0.utf8.allSatisfy(isLabel) }) else { throw .invalidSid }
        guard Set(labels).count == labels.count else { throw .duplicateSid }
    }

    /// Fills one of an exclusive pair of elements.
    private func set<Element>(
        _ selection: inout PolicySelection<Element>?, to elements: [Element], _ isComplement: Bool
    ) throws(PolicyFailure) {
        guard selection == nil else { throw .syntax }
        selection = PolicySelection(elements: elements, isComplement: isComplement)
    }

    // MARK: Elements

    private func principals(_ value: JSONValue) throws(PolicyFailure) -> [PolicyPrincipal] {
        guard let partition = kind.partition else { throw .syntax }
        if case .string(let text) = value {
            guard text.isSame(as: "*") else { throw .invalidPrincipal }
            return [.anyone]
        }
        var result: [PolicyPrincipal] = []
        for member in try elements(value) {
            for text in try strings(member.value) {
                switch member.name {
                case "AWS": result.append(try principal(text, in: partition))
                case "Service": result.append(try PolicyPrincipal(service: text))
                case "Federated" where kind.isOfIAM: result.append(.federatedProvider(text))
                // Neither kind of principal can call KMS, so a statement about one is a mistake.
                case "Federated", "CanonicalUser": throw .invalidPrincipal
                default: throw .syntax
                }
            }
        }
        guard !result.isEmpty else { throw .missingPrincipal }
        return result
    }

    /// IAM says which principal it does not know, KMS does not.
    private func principal(_ text: String, in partition: Partition) throws(PolicyFailure) -> PolicyPrincipal {
        do throws(PolicyFailure) {
            return try PolicyPrincipal(aws: text, in: partition)
        } catch {
            throw kind.isOfIAM ? .unknownPrincipal(text) : error
        }
    }

    private func actions(_ value: JSONValue) throws(PolicyFailure) -> [String] {
        let result = try strings(value)
        for action in result where !ActionName.isPattern(action, isStrict: !isStored) {
            guard kind.isOfIAM else { throw .syntax }
            let service = action.utf8.split(
                separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            guard service.count == 2 else { throw .actionWithoutService }
            let isService =
                !service[0].isEmpty && service[0].allSatisfy(\.isASCIILabel) || service[0].elementsEqual("*".utf8)
            throw isService && !service[1].isEmpty ? .syntax : .invalidService(String(Substring(service[0])))
        }
        return result
    }

    private func conditions(_ value: JSONValue) throws(PolicyFailure) -> [PolicyCondition] {
        var result: [PolicyCondition] = []
        for member in try elements(value) {
            guard let comparison = ConditionOperator(member.name) else { throw .syntax }
            var tests: [PolicyCondition.Test] = []
            for test in try members(member.value) {
                guard !isOverlyPermissive(comparison, on: test.name) else { throw .overlyPermissiveCondition }
                tests.append(PolicyCondition.Test(key: test.name, values: try scalars(test.value)))
            }
            result.append(PolicyCondition(comparison: comparison, tests: tests))
        }
        return result
    }

    /// Whether the set operator is used on a key of one value, where it holds for every request without the key.
    private func isOverlyPermissive(_ comparison: ConditionOperator, on key: String) -> Bool {
        guard comparison.qualifier == .forAllValues else { return false }
        return key.hasBytePrefix(ignoringCase: "kms:encryptioncontext:")
            || key.hasBytePrefix(ignoringCase: "aws:requesttag/")
    }

    // MARK: Values

    private func members(_ value: JSONValue) throws(PolicyFailure) -> [JSONObject.Member] {
        guard case .object(let object) = value else { throw .syntax }
        return object.members
    }

    /// The members of an object whose names are the grammar's, which are ASCII: others are not compared with them.
    private func elements(_ value: JSONValue) throws(PolicyFailure) -> [JSONObject.Member] {
        let members = try members(value)
        guard members.allSatisfy({ $0.name.isASCII }) else { throw .syntax }
        return members
    }

    /// The elements of an array, or the value itself where one may stand without its brackets.
    private func list(_ value: JSONValue) -> [JSONValue] {
        guard case .array(let elements) = value else { return [value] }
        return elements
    }

    private func string(_ value: JSONValue) throws(PolicyFailure) -> String {
        guard case .string(let text) = value else { throw .syntax }
        return text
    }

    private func strings(_ value: JSONValue) throws(PolicyFailure) -> [String] {
        try list(value).map { element throws(PolicyFailure) in try string(element) }
    }

    /// Condition values: strings, and numbers and booleans by their JSON text.
    private func scalars(_ value: JSONValue) throws(PolicyFailure) -> [String] {
        try list(value).map { element throws(PolicyFailure) in
            switch element {
            case .string(let text), .number(let text): text
            case .bool(let flag): flag ? "true" : "false"
            case .null, .array, .object: throw .syntax
            }
        }
    }
}

extension PolicyDocument.Kind {
    /// Whether IAM keeps such documents, with rules of its own.
    fileprivate var isOfIAM: Bool {
        switch self {
        case .key: false
        case .identity, .trust: true
        }
    }
}
