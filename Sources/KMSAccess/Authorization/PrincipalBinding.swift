package import KMSModel

// Policies name users and roles by ARN, and are stored with their unique identifiers in place of these.

extension PolicyDocument {
    /// The document with every user and role that exists replaced by its unique identifier: what is stored.
    package func bound(in directory: some PrincipalDirectory, partition: Partition) -> JSONValue {
        PrincipalText.rewriting(source) { text in
            (try? PolicyPrincipal(aws: text, in: partition))?.bound(in: directory)
        }
    }

    /// A stored document with the ARNs that users and roles have now; who is gone stands there by the identifier.
    package static func unbound(
        _ stored: JSONValue, in directory: some PrincipalDirectory, partition: Partition
    ) -> JSONValue {
        PrincipalText.rewriting(stored) { text in
            (try? PolicyPrincipal(aws: text, in: partition))?.arn(in: partition, from: directory)
        }
    }
}

/// Walks a policy to the texts that name principals.
private enum PrincipalText {
    /// The document with each text under an `AWS` element replaced, unless `replacement` answers nil.
    static func rewriting(_ document: JSONValue, _ replacement: (String) -> String?) -> JSONValue {
        members(of: document, named: ["Statement"]) { statements in
            elements(of: statements) { statement in
                members(of: statement, named: ["Principal", "NotPrincipal"]) { principals in
                    members(of: principals, named: ["AWS"]) { values in
                        elements(of: values) { value in
                            guard case .string(let text) = value else { return value }
                            return .string(replacement(text) ?? text)
                        }
                    }
                }
            }
        }
    }

    private static func members(
        of value: JSONValue, named names: Set<String>, _ change: (JSONValue) -> JSONValue
    ) -> JSONValue {
        guard case .object(let object) = value else { return value }
        return .object(
            JSONObject(
                object.members.map { member in
                    names.contains(member.name)
                        ? JSONObject.Member(name: member.name, value: change(member.value)) : member
                }))
    }

    private static func elements(of value: JSONValue, _ change: (JSONValue) -> JSONValue) -> JSONValue {
        guard case .array(let values) = value else { return change(value) }
        return .array(values.map(change))
    }
}
